"""Messages that share links: closed forms, an oracle for the fair shares, and nothing lost."""

import math
from collections import defaultdict
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlpar.collectives import ring_allreduce
from dlpar.world import (
    ANY_SOURCE,
    Deadlock,
    Link,
    Network,
    Status,
    Topology,
    simulate,
    work,
)
from dlpar.world.virtual.routed import RoutedWorld

L, B = 1e-5, 1e9  # s and byte/s of every link here
EXACT = {"rel": 1e-12}


def star(p, **settings):
    names = [f"d{r}" for r in range(p)]
    return Topology([Link(name, "switch", L, B) for name in names], names, **settings)


def dumbbell(pairs, duplex="full", **settings):
    """Senders d0, d2, ... on one side of a link, receivers d1, d3, ... on the other."""
    names = [f"d{r}" for r in range(2 * pairs)]
    ends = [
        Link(name, "left" if r % 2 == 0 else "right", 0.0, 10 * B) for r, name in enumerate(names)
    ]
    return Topology([*ends, Link("left", "right", L, B, duplex)], names, **settings)


def exchange(comm, plan):
    """Send what `plan` says: rows of (source, dest, bytes, start in s), by order of row."""
    receipts = [
        comm.Irecv(np.empty(n, np.uint8), source=s, tag=i)
        for i, (s, d, n, _) in enumerate(plan)
        if d == comm.rank
    ]
    clock = 0.0
    for i, (s, d, n, start) in sorted(enumerate(plan), key=lambda row: row[1][3]):
        if s == comm.rank:
            work(comm, seconds=start - clock)
            clock = start
            receipts.append(comm.Isend(np.full(n, i, np.uint8), d, tag=i))
    for receipt in receipts:
        receipt.Wait()


def received(plan, network, ranks=None):
    """Return when each row of `plan` was there, in s."""
    ranks = ranks or 1 + max(max(s, d) for s, d, _, _ in plan)
    out = simulate(exchange, ranks, (plan,), network)
    times = {m.tag: m.received for m in out.trace.messages}
    return [times[i] for i in range(len(plan))]


# ------------------------------------------------------------ closed forms


@pytest.mark.parametrize("n", [0, 1, 1000, 100_000])  # on both sides of the eager limit
def test_one_flow_alone_takes_latency_plus_n_over_bandwidth(n):
    assert received([(0, 1, n, 0.0)], star(2)) == [pytest.approx(2 * L + n / B, **EXACT)]
    assert star(2).time_alone("d0", "d1", n) == pytest.approx(2 * L + n / B, **EXACT)


@pytest.mark.parametrize("k", [1, 2, 3, 7])
@pytest.mark.parametrize("n", [5000, 500_000])
def test_k_flows_over_one_link_take_k_times_as_long(k, n):
    got = received([(2 * i, 2 * i + 1, n, 0.0) for i in range(k)], dumbbell(k))
    assert got == [pytest.approx(L + k * n / B, **EXACT)] * k


@pytest.mark.parametrize("n", [5000, 500_000])
def test_senders_to_one_rank_share_its_link(n):
    got = received([(i, 0, n, 0.0) for i in range(1, 8)], star(8))
    assert got == [pytest.approx(2 * L + 7 * n / B, **EXACT)] * 7


def test_two_flows_that_cross_share_the_link_they_both_use_and_only_while_they_do():
    n = 1_000_000
    got = received([(0, 1, n, 0.0), (2, 3, n // 2, 0.0)], dumbbell(2))
    assert got == [pytest.approx(L + 1.5 * n / B, **EXACT), pytest.approx(L + n / B, **EXACT)]
    late = received([(0, 1, n, 0.0), (2, 3, n, 0.5 * n / B)], dumbbell(2))
    assert late == [pytest.approx(L + t * n / B, **EXACT) for t in (1.5, 2.0)]


def test_the_two_directions_share_a_half_duplex_link_and_no_full_duplex_one():
    n = 1_000_000
    plan = [(0, 1, n, 0.0), (1, 0, n, 0.0)]
    assert received(plan, dumbbell(1)) == [pytest.approx(L + n / B, **EXACT)] * 2
    assert received(plan, dumbbell(1, "half")) == [pytest.approx(L + 2 * n / B, **EXACT)] * 2


def test_what_one_flow_cannot_use_the_others_get():
    links = [Link("a", "m", 0.0, B / 10), Link("b", "m", 0.0, B), Link("m", "n", 0.0, B)]
    links += [Link("n", "c", 0.0, B), Link("n", "d", 0.0, B)]
    n = 900_000
    slow, fast = received([(0, 2, n, 0.0), (1, 3, n, 0.0)], Topology(links, "abcd"))
    assert fast == pytest.approx(n / (0.9 * B), **EXACT)
    assert slow == pytest.approx(n / (0.1 * B), **EXACT)


@pytest.mark.parametrize(("p", "n"), [(2, 64), (4, 4096), (8, 80_000), (16, 1600)])
def test_a_ring_on_a_star_takes_the_rings_formula(p, n):
    out = simulate(lambda comm: ring_allreduce(np.ones(n), comm), p, network=star(p))
    assert out.time == pytest.approx(2 * (p - 1) * (2 * L + 8 * n / p / B), rel=1e-9)
    assert (out.results[0] == p).all()


def test_a_store_takes_the_message_whole_before_it_sends_it_on():
    def over_host(topology, a, b):
        return [a, "host", b]

    links = [Link("a", "host", L, B), Link("host", "b", L, B)]
    through = Topology(links, "ab", over_host)
    stored = Topology(links, "ab", over_host, stores=["host"])
    for n in (1000, 1_000_000):
        plan = [(0, 1, n, 0.0)]
        assert received(plan, through) == [pytest.approx(2 * L + n / B, **EXACT)]
        assert received(plan, stored) == [pytest.approx(2 * (L + n / B), **EXACT)]


def test_ranks_are_where_the_placement_puts_them():
    near = Topology(
        [
            Link("a", "x", L, B),
            Link("b", "x", L, B),
            Link("x", "y", 100 * L, B),
            Link("y", "c", L, B),
        ],
        "abc",
    )
    assert received([(0, 1, 10, 0.0)], near)[0] < 3 * L
    assert received([(0, 1, 10, 0.0)], near.placed("ac"))[0] > 100 * L
    assert received([(0, 1, 10, 0.0)], near.placed("bb")) == [0.0]  # within a device: no time
    with pytest.raises(ValueError, match="4 ranks have no room on 3 devices"):
        simulate(exchange, 4, ([],), near)
    with pytest.raises(ValueError, match="'z' is not among the devices"):
        near.placed("az")


# --------------------------------------------------- fair shares, in general


def filled(capacities, routes):
    """Progressive filling by brute force: raise all rates a step, to the next full link."""
    rates, active = [0.0] * len(routes), set(range(len(routes)))
    while active:
        room = {
            link: capacity - sum(rates[i] for i, route in enumerate(routes) if link in route)
            for link, capacity in capacities.items()
        }
        users = {link: sum(link in routes[i] for i in active) for link in capacities}
        step = min(room[link] / users[link] for link in capacities if users[link])
        for i in active:
            rates[i] += step
        full = {k for k in capacities if users[k] and room[k] / users[k] <= step * (1 + 1e-9)}
        active = {i for i in active if not full & set(routes[i])}
    return rates


@st.composite
def chains(draw):
    """Switches in a row, each with a device: routes overlap in every way a line allows."""
    p = draw(st.integers(2, 6))
    sizes = st.integers(1, 9)
    links = [Link(f"d{i}", f"s{i}", 0.0, draw(sizes) * 1e8) for i in range(p)]
    links += [
        Link(f"s{i}", f"s{i + 1}", 0.0, draw(sizes) * 1e8, draw(st.sampled_from(["full", "half"])))
        for i in range(p - 1)
    ]
    rank = st.integers(0, p - 1)
    pairs = st.tuples(rank, rank).filter(lambda pair: pair[0] != pair[1])
    return Topology(links, [f"d{i}" for i in range(p)]), draw(
        st.lists(pairs, min_size=1, max_size=9)
    )


@settings(deadline=None, max_examples=60)
@given(chains())
def test_rates_are_those_of_progressive_filling(case):
    topology, pairs = case
    seen = {}

    def record(world, flows):
        plan(world, flows)
        seen.update({flow.key[2]: flow.rate for flow in flows if world.now == 0.0})

    plan = RoutedWorld._plan
    with mock.patch.object(RoutedWorld, "_plan", record):
        received([(s, d, 1000, 0.0) for s, d in pairs], topology, len(topology.devices))
    hops = [topology.stages(f"d{s}", f"d{d}")[0] for s, d in pairs]
    routes = [[(k, fwd or k.duplex == "half") for k, fwd in route] for route in hops]
    wanted = filled({hop: hop[0].bandwidth for route in routes for hop in route}, routes)
    for i, route in enumerate(routes):  # a flow that contends with none is not planned anew
        rate = seen.get(i, min(link.bandwidth for link, _ in route))
        assert rate == pytest.approx(wanted[i], rel=1e-7)


@settings(deadline=None, max_examples=60)
@given(chains(), st.data())
def test_no_link_carries_more_than_it_can_and_every_byte_arrives(case, data):
    topology, pairs = case
    size, start = st.integers(0, 100_000), st.floats(0, 2e-4)
    plan = [(s, d, data.draw(size), data.draw(start)) for s, d in pairs]
    ledger = defaultdict(float)  # row -> bytes that its rates have carried

    def account(world):
        settle(world)
        for channel in world.channels.values():
            assert sum(flow.rate for flow in channel.flows) <= channel.capacity * (1 + 1e-8)

    def carried(world, flows):
        for flow in flows:
            ledger[flow.key[2]] += flow.rate * (world.now - flow.since)
        plan_flows(world, flows)

    def leave(world, flow):
        ledger[flow.key[2]] += flow.rate * (world.now - flow.since)
        leave_links(world, flow)

    settle, plan_flows, leave_links = (
        RoutedWorld._settle_rates,
        RoutedWorld._plan,
        RoutedWorld._leave,
    )
    with mock.patch.multiple(RoutedWorld, _settle_rates=account, _plan=carried, _leave=leave):
        times = received(plan, topology, len(topology.devices))
    for i, (s, d, n, start) in enumerate(plan):
        assert ledger[i] == pytest.approx(n, rel=1e-6, abs=1e-3)
        assert times[i] >= (start + topology.time_alone(f"d{s}", f"d{d}", n)) * (1 - 1e-9)


@settings(deadline=None, max_examples=40)
@given(chains(), st.randoms(use_true_random=False))
def test_the_order_of_what_happens_at_once_changes_no_bit(case, random):
    topology, pairs = case
    plan = [(s, d, 1000 * (i % 3 + 1), 0.0) for i, (s, d) in enumerate(pairs)]
    order = list(range(len(plan)))
    random.shuffle(order)
    p = len(topology.devices)
    times = received(plan, topology, p)
    assert received([plan[i] for i in order], topology, p) == [times[i] for i in order]


def test_rates_are_found_anew_for_those_flows_only_that_contend():
    # Three flows of half the middle link's capacity each: too much, until the short one has ended.
    links = [Link(f"d{i}", "l" if i % 2 == 0 else "r", 0.0, B / 2) for i in range(6)]
    topology = Topology([*links, Link("l", "r", 0.0, B)], [f"d{i}" for i in range(6)])
    planned = []

    def count(world, flows):
        planned.append(len(flows))
        plan(world, flows)

    plan = RoutedWorld._plan
    with mock.patch.object(RoutedWorld, "_plan", count):
        received([(0, 1, 30_000, 0.0), (2, 3, 10_000, 0.0), (4, 5, 20_000, 0.0)], topology)
        assert planned == [3, 1, 1]
        received([(i, (i + 1) % 8, 10_000, 0.0) for i in range(8)], star(8))
        assert planned == [3, 1, 1]


def test_the_bytes_on_each_link_are_counted_each_way():
    n, topology = 1000, dumbbell(2)
    out = simulate(exchange, 4, ([(0, 1, n, 0.0), (2, 3, n, 0.0), (1, 2, n, 0.0)],), topology)
    carried = topology.bytes_carried(out.trace)
    assert carried == {
        ("d0", "left"): n, ("d2", "left"): n, ("left", "right"): 2 * n, ("right", "d1"): n,
        ("right", "d3"): n, ("d1", "right"): n, ("right", "left"): n, ("left", "d2"): n,
    }  # fmt: skip


# ---------------------------------------------- the engine's rules still hold


def test_messages_never_overtake_and_sizes_may_differ():
    def program(comm):
        sizes = [2000, 1, 5000, 3, 900]
        if comm.rank == 0:
            requests = [comm.Isend(np.full(n, i, np.uint8), 1) for i, n in enumerate(sizes)]
            requests[0].Waitall(requests)
            return None
        got, status = [], Status()
        for _ in sizes:
            buf = np.empty(5000, np.uint8)
            comm.Recv(buf, status=status)
            got.append((status.Get_count(), int(buf[0])))
        return got

    got = simulate(program, 2, network=star(2, eager_limit=1000)).results[1]
    assert got == [(2000, 0), (1, 1), (5000, 2), (3, 3), (900, 4)]


@pytest.mark.parametrize("late", [0, 1])
def test_a_rendezvous_starts_when_the_later_side_is_there(late):
    def program(comm):
        work(comm, seconds=1.0 if comm.rank == late else 0.0)
        if comm.rank == 0:
            comm.Send(np.zeros(10_000, np.uint8), dest=1)
        else:
            comm.Recv(np.empty(10_000, np.uint8), source=0)

    out = simulate(program, 2, network=star(2, eager_limit=1000))
    assert out.time == pytest.approx(1 + 2 * L + 10_000 / B, **EXACT)


def test_a_message_on_the_link_is_not_there_yet_and_probe_waits_for_all_of_it():
    def program(comm):
        if comm.rank == 0:
            comm.Send(np.zeros(10_000, np.uint8), dest=1, tag=1)
            return None
        work(comm, seconds=2 * L + 5_000 / B)
        seen = [comm.Iprobe(tag=1)]
        comm.Probe(tag=1)
        start = 2 * L + 10_000 / B
        comm.Recv(np.empty(10_000, np.uint8), tag=1)
        return seen, start

    out = simulate(program, 2, network=star(2))
    assert out.results[1][0] == [False]
    assert out.time == pytest.approx(out.results[1][1], **EXACT)


def test_a_deadlock_is_explained_and_a_lost_message_is_in_the_trace():
    def program(comm):
        comm.Send(np.zeros(4), dest=1 - comm.rank, tag=7)
        comm.Recv(np.empty(4), source=1 - comm.rank, tag=8)

    with pytest.raises(Deadlock, match="rank 0 waits for rank 1 to send tag 8") as caught:
        simulate(program, 2, network=star(2))
    lost = caught.value.trace.messages
    assert [(m.source, m.nbytes) for m in lost] == [(0, 32), (1, 32)]
    assert all(math.isnan(m.received) for m in lost)


def test_messages_still_on_the_links_are_in_the_trace_once():
    def program(comm):
        if comm.rank in (0, 2):
            work(comm, seconds=comm.rank * 1e-4)
            comm.Isend(np.zeros(1_000_000, np.uint8), comm.rank + 1)
        else:
            comm.Irecv(np.empty(1_000_000, np.uint8))
        work(comm, seconds=5e-4)
        comm.Iprobe()  # lets happen what happens until now
        if comm.rank == 0:
            comm.Bcast(np.zeros(1))
        comm.Barrier()

    with pytest.raises(Deadlock, match="same collectives") as caught:
        simulate(program, 4, network=dumbbell(2, eager_limit=math.inf))
    lost = caught.value.trace.messages
    assert [(m.source, m.dest, m.nbytes) for m in lost] == [(0, 1, 1_000_000), (2, 3, 1_000_000)]
    assert all(math.isnan(m.received) for m in lost)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), p=st.integers(2, 6))
def test_a_star_and_the_flat_network_do_the_same_and_twice_the_same_bits(seed, p):
    def program(comm):
        rng = np.random.default_rng((seed, comm.rank))
        others = [r for r in range(comm.size) if r != comm.rank]
        for dest in rng.permutation(others):
            work(comm, seconds=rng.exponential(1e-5))
            comm.Isend(rng.random(int(rng.integers(0, 2000))), int(dest), tag=int(dest))
        total = 0.0
        for source in others:
            buf = np.zeros(2000)
            comm.Recv(buf, source=source, tag=comm.rank)
            total += buf.sum()
        return total

    first, second = (simulate(program, p, network=star(p)) for _ in range(2))
    assert first.time == second.time
    assert first.trace.messages == second.trace.messages
    flat = simulate(program, p, network=Network(2 * L, 1 / B))
    assert flat.results == first.results
    assert (flat.trace.bytes_sent == first.trace.bytes_sent).all()


def test_a_straggler_works_at_its_speed_on_either_network():
    def program(comm):
        work(comm, seconds=1.0)
        return len(comm._world.spans)

    for network in (Network(), star(3)):
        out = simulate(program, 3, network=network, speeds=[1, 0.5, 4])
        assert [s.end for s in out.trace.spans] == [1.0, 2.0, 0.25]
    for wrong in ([1, 2], [1, 1, 0], [1, 1, math.nan]):
        with pytest.raises(ValueError, match="speeds must be 3 finite numbers above 0"):
            simulate(program, 3, speeds=wrong)


def test_collectives_of_mpi_are_priced_by_the_slowest_neighbours():
    out = simulate(lambda comm: comm.Barrier(), 4, network=star(4))
    assert out.time == pytest.approx(2 * 2 * L, **EXACT)


def test_incast_of_wildcards_takes_the_nearest_first():
    links = [Link(name, "x", k * L, B) for k, name in enumerate("abcd", 1)]

    def program(comm):
        if comm.rank:
            comm.Send(np.zeros(100, np.uint8), dest=0)
            return None
        order, status = [], Status()
        for _ in range(1, comm.size):
            comm.Recv(np.empty(100, np.uint8), source=ANY_SOURCE, status=status)
            order.append(status.Get_source())
        return order

    got = simulate(program, 4, network=Topology(links, "adcb")).results[0]
    assert got == [3, 2, 1]


# ------------------------------------------------------------ wrong arguments


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"latency": -1}, "latency"),
        ({"latency": math.nan}, "latency"),
        ({"bandwidth": 0}, "bandwidth"),
        ({"duplex": "both"}, "duplex"),
        ({"b": "a"}, "twice"),
    ],
)
def test_a_link_refuses_what_is_no_link(wrong, match):
    with pytest.raises(ValueError, match=match):
        Link(**({"a": "a", "b": "b", "latency": L, "bandwidth": B} | wrong))
    with pytest.raises(TypeError, match="bandwidth must be a number"):
        Link("a", "b", L, "fast")


def test_a_topology_names_what_is_wrong_with_it():
    link = Link("a", "b", L, B)
    with pytest.raises(ValueError, match="no link ends at 'c'"):
        Topology([link], "abc")
    with pytest.raises(ValueError, match="two links join 'a' and 'b'"):
        Topology([link, Link("b", "a", L, B)], "ab")
    apart = Topology([link, Link("c", "d", L, B)], "abcd")
    with pytest.raises(ValueError, match="no path from 'a' to 'c'"):
        apart.stages("a", "c")
    wrong = Topology([link, Link("b", "c", L, B)], "ac", lambda topology, a, b: [a, b])
    with pytest.raises(ValueError, match="needs a link 'a'-'c'"):
        wrong.stages("a", "c")
