"""The presets' machines: what their links add up to, who shares what, what a bounce costs."""

from collections import Counter

import numpy as np
import pytest

from dlpar.collectives import ring_allreduce
from dlpar.world import Network, presets, simulate
from dlpar.world.presets import ETHERNET_100, MEMCPY, PCIE3

EVERY = {
    "star": presets.star(4),
    "pcie": presets.pcie_nodes(),
    "bounced": presets.pcie_nodes(bounced=True),
    "dgx1": presets.dgx1(),
    "dgx2": presets.dgx2(),
    "fat tree": presets.fat_tree(3, 4),
    "torus": presets.torus(3, 4),
    "two sites": presets.two_sites(3),
    "phones": presets.phones(3),
}


def send(comm, pairs, n):
    """Send n bytes from source to dest of each of `pairs`, all at once."""
    buf, requests = np.empty(n, np.uint8), []
    for tag, (source, dest) in enumerate(pairs):
        if dest == comm.rank:
            requests.append(comm.Irecv(np.empty(n, np.uint8), source, tag))
        if source == comm.rank:
            requests.append(comm.Isend(buf, dest, tag))
    for request in requests:
        request.Wait()


def seconds(topology, pairs, n=1_000_000):
    ranks = 1 + max(map(max, pairs))
    return simulate(send, ranks, (pairs, n), topology).time


def hops(topology, a, b):
    return [link for stage in topology.stages(a, b) for link, _ in stage]


@pytest.mark.parametrize("name", EVERY)
def test_every_device_reaches_every_other_in_the_time_that_its_route_says(name):
    topology = EVERY[name]
    for i, a in enumerate(topology.devices):
        for b in topology.devices[:i]:
            there, back = (topology.time_alone(*pair, 1000) for pair in ((a, b), (b, a)))
            if name != "phones":  # up and down differ
                assert there == pytest.approx(back, rel=1e-12)
    pair = topology.placed([topology.devices[0], topology.devices[-1]])
    expected = pair.time_alone(topology.devices[0], topology.devices[-1], 1_000_000)
    assert seconds(pair, [(0, 1)]) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", EVERY)
def test_a_ring_over_all_devices_gives_the_sum(name):
    topology = EVERY[name]
    p = len(topology.devices)
    out = simulate(lambda comm: ring_allreduce(np.ones(100), comm), p, network=topology)
    assert all((result == p).all() for result in out.results)


def test_the_star_is_the_flat_network_where_nothing_is_shared():
    times = [
        simulate(lambda comm: ring_allreduce(np.ones(800), comm), 8, network=network).time
        for network in (presets.star(8), Network(alpha=5e-6, beta=1e-10))
    ]
    assert times[0] == pytest.approx(times[1], rel=1e-9)


def test_a_bounced_copy_is_two_transfers_and_a_copy_and_takes_at_least_twice_as_long():
    peer, bounced = (presets.pcie_nodes(1, bounced=b) for b in (False, True))
    n = 10_000_000
    for pair in [(0, 1), (0, 2), (0, 7)]:  # one switch; one socket; across
        assert seconds(bounced, [pair], n) >= 2 * seconds(peer, [pair], n)
    assert seconds(peer, [(0, 2)], n) == pytest.approx(4 * 5e-7 + n / PCIE3, rel=1e-9)
    bounce = n * (2 / PCIE3 + 1 / MEMCPY) + 6 * 5e-7
    assert seconds(bounced, [(0, 2)], n) == pytest.approx(bounce, rel=1e-9)
    # The program sends one message in either case.
    for topology in (peer, bounced):
        assert simulate(send, 3, ([(0, 2)], n), topology).trace.messages_sent.tolist() == [1, 0, 0]


def test_between_nodes_a_bounced_copy_rests_in_both_hosts():
    peer, bounced = (presets.pcie_nodes(2, bounced=b) for b in (False, True))
    assert len(peer.stages("node0.gpu0", "node1.gpu5")) == 1
    assert len(bounced.stages("node0.gpu0", "node1.gpu5")) == 3
    n = 10_000_000
    assert seconds(peer, [(0, 13)], n) == pytest.approx(n / ETHERNET_100, rel=0.01)
    assert seconds(bounced, [(0, 13)], n) == pytest.approx(
        n * (2 / PCIE3 + 1 / ETHERNET_100), rel=0.01
    )


def test_two_gpus_of_a_pcie_switch_share_its_root_port_and_two_of_two_switches_do_not():
    n = 10_000_000
    tree = presets.pcie_nodes(1)
    alone = seconds(tree, [(0, 2)], n)
    assert seconds(tree, [(0, 2), (1, 3)], n) == pytest.approx(2 * alone - 4 * 5e-7, rel=1e-9)
    assert seconds(tree, [(0, 2), (4, 6)], n) == pytest.approx(alone, rel=1e-3)


def test_nvswitch_has_no_contention_in_an_all_to_all_by_rounds_and_the_tree_has():
    n = 1_000_000

    def rounds(p):
        return [[(r, (r + s) % p) for r in range(p)] for s in range(1, p)]

    dgx2 = presets.dgx2()
    for pairs in rounds(16):
        assert seconds(dgx2, pairs, n) == pytest.approx(seconds(dgx2, [(0, 1)], n), rel=1e-9)
    tree = presets.pcie_nodes(1)
    slow = [
        seconds(tree, pairs, n) / max(seconds(tree, [p], n) for p in pairs) for pairs in rounds(8)
    ]
    assert max(slow) > 1.9


def test_bisection_of_dgx2_is_what_its_maker_says():
    n = 10_000_000
    pairs = [(r, r + 8) for r in range(8)] + [(r + 8, r) for r in range(8)]
    assert 16 * n / seconds(presets.dgx2(), pairs, n) == pytest.approx(2.4e12, rel=0.02)


def test_each_gpu_of_a_dgx1_has_six_nvlinks_and_a_ring_goes_over_each_link_once():
    ends = Counter()
    for (a, b), n in presets.CUBE_MESH.items():
        ends.update({a: n, b: n})
    assert ends == dict.fromkeys(range(8), 6)
    dgx1 = presets.dgx1()
    ring = [0, 1, 2, 3, 7, 6, 5, 4]
    around = zip(ring, ring[1:] + ring[:1], strict=True)
    links = [hops(dgx1, f"gpu{a}", f"gpu{b}") for a, b in around]
    assert all(len(crossed) == 1 for crossed in links)
    assert len({crossed[0] for crossed in links}) == 8
    placed = dgx1.placed(f"gpu{g}" for g in ring)
    out = simulate(lambda comm: ring_allreduce(np.ones(8000), comm), 8, network=placed)
    assert len(placed.bytes_carried(out.trace)) == 8  # each link, one way
    # What a rank passes on is what it has just received: the slowest 14 links in a row decide.
    hop = [crossed[0].latency + 8000 / crossed[0].bandwidth for crossed in links]
    slowest = max(sum((hop * 3)[start : start + 14]) for start in range(8))
    assert out.time == pytest.approx(slowest, rel=1e-9)


def test_gpus_of_a_dgx1_that_no_nvlink_joins_go_over_pcie_as_gpus_forward_nothing():
    crossed = hops(presets.dgx1(), "gpu0", "gpu5")
    assert len(crossed) == 5
    assert min(link.bandwidth for link in crossed) == PCIE3


def test_an_oversubscribed_rack_slows_what_leaves_it_and_nothing_else():
    n = 1_000_000
    out = [(h, 4 + h) for h in range(4)]
    inside = [(0, 1), (2, 3)]
    full, thin = presets.fat_tree(2, 4), presets.fat_tree(2, 4, oversubscription=4)
    assert seconds(full, out, n) == pytest.approx(4e-6 + n / ETHERNET_100, rel=1e-9)
    assert seconds(thin, out, n) == pytest.approx(4e-6 + 4 * n / ETHERNET_100, rel=1e-9)
    assert seconds(thin, inside, n) == seconds(full, inside, n)


def test_a_torus_routes_along_the_row_first_and_the_shorter_way_round():
    torus = presets.torus(4, 5)
    assert list(torus.route(torus, "d0,0", "d1,3")) == ["d0,0", "d0,4", "d0,3", "d1,3"]
    far = max(len(hops(torus, a, b)) for a in torus.devices for b in torus.devices)
    assert far == 4 // 2 + 5 // 2
    with pytest.raises(ValueError, match="at least 3 rows"):
        presets.torus(2, 5)


def test_between_sites_the_wan_decides_and_phones_upload_slower_than_they_download():
    wan = presets.two_sites(2)
    assert seconds(wan, [(0, 1)], 1000) < 1e-5
    assert seconds(wan, [(0, 2), (1, 3)], 1_250_000) == pytest.approx(0.02 + 0.002, rel=1e-3)
    phones = presets.phones(8)
    down = seconds(phones, [(0, 1)], 1_000_000)
    up = seconds(phones, [(1, 0)], 1_000_000)
    assert (down, up) == (pytest.approx(0.225, rel=0.01), pytest.approx(0.825, rel=0.01))
    assert seconds(phones, [(r, 0) for r in range(1, 9)], 1_000_000) == pytest.approx(up, rel=1e-6)
