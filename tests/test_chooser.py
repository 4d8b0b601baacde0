import numpy as np
import pytest

from dlpar import simulate
from dlpar.collectives import (
    chain_broadcast,
    choose,
    double_tree_allreduce,
    hierarchical_allreduce,
    leader_allreduce,
    pass_around_allreduce,
    rabenseifner_allreduce,
    recursive_doubling_allreduce,
    ring_allreduce,
    root_allreduce,
    tree_allreduce,
)
from dlpar.collectives.chooser import Choice, candidates, simulated
from dlpar.collectives.costs import ALLREDUCES, best_segments
from dlpar.collectives.pricing import price
from dlpar.collectives.rehearsal import even_length, matched, rehearse
from dlpar.world import Link, Network, Topology
from dlpar.world.presets import dgx1, dgx2, fat_tree, pcie_nodes, star, torus, two_sites

IN_STEP = [
    ring_allreduce,
    rabenseifner_allreduce,
    recursive_doubling_allreduce,
    pass_around_allreduce,
    hierarchical_allreduce,
]


# The rehearsal: the same messages as in the simulator


@pytest.mark.parametrize("allreduce", ALLREDUCES)
@pytest.mark.parametrize("p", [1, 2, 3, 6, 8, 13])
def test_a_rehearsal_has_the_simulators_messages(allreduce, p):
    for f, options in candidates(p, [1, 3]):
        if f is allreduce:
            n = even_length(p, tuple(options.items()))
            x = np.zeros(n, np.uint8)
            trace = simulate(lambda c, f=f, o=options, x=x: f(x, c, **o), p).trace
            rehearsal = rehearse(f, p, tuple(options.items()))
            told = zip(rehearsal.source, rehearsal.dest, rehearsal.share * n, strict=True)
            assert sorted(told) == sorted((m.source, m.dest, m.nbytes) for m in trace.messages)


def test_levels_are_the_steps_of_the_algorithm():
    steps = {f: len(rehearse(f, 16).levels) - 1 for f in IN_STEP}
    assert steps == {
        ring_allreduce: 30,
        rabenseifner_allreduce: 8,
        recursive_doubling_allreduce: 4,
        pass_around_allreduce: 15,
        hierarchical_allreduce: 12,
    }
    assert len(rehearse(tree_allreduce, 16).levels) - 1 == 8


def test_what_leaves_a_rank_waiting_cannot_be_rehearsed():
    def forgetful(x, comm):
        if comm.rank:
            comm.Recv(x, source=0)

    with pytest.raises(ValueError, match="leaves a rank waiting"):
        rehearse(forgetful, 2)
    assert matched([[[(1, 8)]], [[(0, None)]]]) == [(1, 0, 1, 8, 0, 0)]


# The price


@pytest.mark.parametrize("allreduce", [*IN_STEP, root_allreduce])  # the root's link stays busy
@pytest.mark.parametrize("p", [1, 2, 4, 8])
@pytest.mark.parametrize("eager_limit", [0, np.inf])
def test_on_a_star_the_price_is_the_closed_form(allreduce, p, eager_limit):
    network = Network(alpha=4e-6, beta=1e-9, eager_limit=eager_limit)
    topology = star(8, latency=2e-6, bandwidth=1e9, eager_limit=eager_limit)
    for nbytes in (0, 4000, 4_000_000):
        wanted = ALLREDUCES[allreduce](nbytes, p, network)
        assert price(allreduce, nbytes, p, topology) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("duplex", ["full", "half"])
def test_a_shared_link_is_paid_for_by_all_that_cross_it(duplex):
    """Ranks 0, 1 on the left, 2, 3 on the right: the first swap of halving-doubling all crosses."""
    sides = ("left", "left", "right", "right")
    links = [Link("left", "right", 0.0, 1e6, duplex)]
    links += [Link(f"d{r}", side, 0.0, 1e9) for r, side in enumerate(sides)]
    topology = Topology(links, [f"d{r}" for r in range(4)], eager_limit=0)
    nbytes = 1000
    slow = 2 * 2 * nbytes / 2 / 1e6 * (1 if duplex == "full" else 2)  # there, and back at the end
    fast = 2 * nbytes / 4 / 1e9
    cost = price(rabenseifner_allreduce, nbytes, 4, topology)
    assert cost == pytest.approx(slow + fast, rel=1e-9)
    time = simulated(Choice(rabenseifner_allreduce, {}, 0.0), nbytes, 4, topology).seconds
    assert cost == pytest.approx(time, rel=1e-9)


def test_who_comes_late_to_a_shared_link_is_not_there_before_its_own_bytes():
    """Ranks 0 and 1 each hear from afar, 1 much sooner, and both send on over one link."""
    links = [Link("d2", "left", 9.0, 1e9), Link("d3", "left", 0.0, 1e9)]
    links += [Link("d0", "left", 0.0, 1e9), Link("d1", "left", 0.0, 1e9)]
    links += [Link("left", "right", 0.0, 1e3)]
    links += [Link("right", f"d{r}", 0.0, 1e9) for r in (4, 5)]
    topology = Topology(links, [f"d{r}" for r in range(6)])

    def relay(x, comm):
        r = comm.rank
        if r < 2:
            comm.Recv(x.copy(), source=r + 2)
            comm.Send(x, dest=r + 4)
        elif r < 4:
            comm.Send(x, dest=r - 2)
        else:
            comm.Recv(x.copy(), source=r - 4)

    nbytes = 6000
    time = simulate(lambda c: relay(np.zeros(nbytes, np.uint8), c), 6, network=topology).time
    assert time > 9 + nbytes / 1e3
    assert price(relay, nbytes, 6, topology) == pytest.approx(time, rel=1e-9)


def test_bounced_copies_cost_more_than_copies_from_peer_to_peer():
    for allreduce in (ring_allreduce, tree_allreduce):
        direct, bounced = (price(allreduce, 10**6, 8, pcie_nodes(1, b)) for b in (False, True))
        assert bounced > 1.5 * direct


def test_overhead_is_paid_before_each_message():
    plain, slow = (price(ring_allreduce, 800, 8, star(8, overhead=o)) for o in (0.0, 1e-6))
    assert slow - plain == pytest.approx(14e-6)


# The choice


PLATFORMS = {
    "star": (star(8), 8),
    "star, 5 of 8": (star(8), 5),
    "pcie_nodes": (pcie_nodes(2), 16),
    "pcie_nodes, bounced": (pcie_nodes(1, bounced=True), 6),
    "dgx1": (dgx1(), 8),
    "dgx2": (dgx2(), 12),
    "fat_tree": (fat_tree(3, 4, 4.0), 12),
    "torus": (torus(3, 3), 9),
    "two_sites": (two_sites(4), 7),
}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_on_a_topology_the_choice_is_within_a_tenth_of_the_best(platform):
    topology, p = PLATFORMS[platform]
    for nbytes in (1 << 10, 1 << 18, 1 << 26):
        choice = choose(nbytes, p, topology)
        times = {
            (f.__name__, *options.items()): simulated(Choice(f, options, 0), nbytes, p, topology)
            for f, options in candidates(p, [2, 8, 32])
        }
        best = min(times, key=lambda name: times[name].seconds)
        said = f"{nbytes} bytes: {choice}, but {best} is best"
        assert choice.seconds <= 1.1 * times[best].seconds, said


FLAT = [Network(), Network(2e-5, 1e-9), Network(overhead=1e-6), Network(eager_limit=1e9)]


@pytest.mark.parametrize("network", FLAT)
@pytest.mark.parametrize("p", [2, 3, 5, 6, 7, 9, 11, 12])
def test_on_a_flat_network_the_choice_is_within_a_tenth_of_the_best(p, network):
    def seconds(one, nbytes):
        x = np.zeros(nbytes, np.uint8)
        return simulate(lambda c: one[0](x, c, **one[1]), p, network=network).time

    for nbytes in (1000, 10_000, 30_000, 100_000, 1_000_000):
        tried = candidates(p, [best_segments(nbytes, p, network)])
        least = min(seconds(one, nbytes) for one in tried)
        assert seconds(choose(nbytes, p, network), nbytes) <= 1.1 * least, nbytes


def test_few_bytes_on_slow_links_take_as_long_as_many_on_fast_ones():
    nbytes, p, topology = 480_000, 6, fat_tree(2, 3, 2.0)
    for f, options in candidates(p, [2]):
        x = np.zeros(nbytes, np.uint8)
        time = simulate(lambda c, f=f, o=options, x=x: f(x, c, **o), p, network=topology).time
        got = simulated(Choice(f, options, 0.0), nbytes, p, topology)
        assert got.seconds == pytest.approx(time, rel=1e-9)


def test_placement_counts():
    """Two racks behind a thin link: ranks in rack order keep a ring's steps inside the racks."""
    racks = fat_tree(2, 4, 4.0)
    mixed = [f"rack{i % 2}.host{i // 2}" for i in range(8)]
    ordered, shuffled = (price(ring_allreduce, 8 << 20, 8, t) for t in (racks, racks.placed(mixed)))
    assert shuffled > 2 * ordered


def test_two_sites_are_crossed_as_rarely_as_can_be():
    choice = choose(1 << 26, 8, two_sites(4))
    assert choice.allreduce in (hierarchical_allreduce, leader_allreduce)
    assert choice.options == {"node_size": 4}


def test_a_choice_on_a_topology_says_how_to_call_it_and_what_it_takes():
    topology = dgx1()
    choice = choose(840_000, 7, topology)
    x = np.ones(105_000)
    out = simulate(lambda comm: choice.allreduce(x, comm, **choice.options), 7, network=topology)
    assert out.results[0][0] == 7
    assert out.time == pytest.approx(choice.seconds, rel=1e-3)


def test_too_many_messages_to_simulate_are_priced_only(monkeypatch):
    monkeypatch.setattr("dlpar.collectives.chooser.MESSAGES", 0)
    choice = choose(1 << 20, 8, star(8))
    options = tuple(choice.options.items())
    assert choice.seconds == price(choice.allreduce, 1 << 20, 8, star(8), options)


@pytest.mark.parametrize("p", [1, 2, 3])
def test_few_ranks_and_no_bytes_have_a_choice_too(p):
    for network in (star(4), Network()):
        assert choose(0, p, network).seconds >= 0
        assert choose(1000, p, network).allreduce in ALLREDUCES


def test_node_sizes_and_segments_are_among_what_is_tried():
    tried = candidates(12, [1, 2])
    assert (double_tree_allreduce, {"segments": 2}) in tried
    assert (leader_allreduce, {"node_size": 8}) in tried  # the last node is not full
    sizes = [o["node_size"] for f, o in tried if f is hierarchical_allreduce]
    assert sizes == [2, 3, 4, 6]


def test_only_networks_and_topologies_can_be_chosen_for():
    with pytest.raises(TypeError, match="needs a Network or Topology, got int"):
        choose(8, 2, 5)
    with pytest.raises(ValueError, match="no room on 4 devices"):
        choose(8, 5, star(4))
    assert chain_broadcast not in ALLREDUCES
