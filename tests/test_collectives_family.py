import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlpar import run, simulate
from dlpar.collectives import (
    chain_broadcast,
    double_tree_allreduce,
    hierarchical_allreduce,
    leader_allreduce,
    pairwise_alltoall,
    rabenseifner_allreduce,
    recursive_doubling_allgather,
    recursive_doubling_allreduce,
    recursive_halving_reduce_scatter,
    tree_allreduce,
    tree_broadcast,
    tree_reduce,
)
from dlpar.collectives.double_tree import double_trees, rounds
from dlpar.collectives.hierarchical import balanced_node
from dlpar.world import Deadlock, Network

DTYPES = ["int8", "int64", "uint16", "float32", "float64", "complex128"]
ranks, lengths = st.integers(1, 9), st.integers(0, 40)
seeds, dtypes = st.integers(0, 2**32 - 1), st.sampled_from(DTYPES)


def with_options(collective, **options):
    """Return `collective` with some arguments given, under a name that says so."""
    given = functools.partial(collective, **options)
    return functools.wraps(collective)(lambda x, comm: given(x, comm))


def by_nodes(x, comm):
    """Run hierarchical_allreduce with the largest node below p that divides p."""
    p = comm.size
    return hierarchical_allreduce(x, comm, max(g for g in range(1, p + 1) if p % g == 0 and g < 5))


ALLREDUCES = [
    tree_allreduce,
    recursive_doubling_allreduce,
    rabenseifner_allreduce,
    double_tree_allreduce,
    with_options(double_tree_allreduce, segments=3),
    with_options(leader_allreduce, node_size=3),
    by_nodes,
]
BROADCASTS = [tree_broadcast, chain_broadcast, functools.partial(chain_broadcast, segments=3)]
HALVES = [recursive_halving_reduce_scatter, recursive_doubling_allgather]
PLAIN = [*ALLREDUCES[:4], tree_reduce, *BROADCASTS[:2], *HALVES, pairwise_alltoall]
SIZED = [leader_allreduce, hierarchical_allreduce]  # they want node_size too


def vectors(p, n, seed, dtype="float64"):
    """One row a rank, of whole numbers so small that every sum is exact in every dtype."""
    return np.random.default_rng(seed).integers(0, 10, (p, n)).astype(dtype)


def on_ranks(collective, x, *more, **network):
    """Simulate `collective(x[r], comm, *more)` on each rank r."""

    def program(comm):
        return collective(x[comm.rank], comm, *more)

    return simulate(program, ranks=len(x), network=Network(**network))


def lower_power(p):
    return 2 ** int(np.log2(p))


# Values


@pytest.mark.parametrize("allreduce", ALLREDUCES)
@given(p=ranks, n=lengths, seed=seeds, dtype=dtypes)
def test_allreduce_is_the_sum_on_every_rank_and_leaves_x_alone(allreduce, p, n, seed, dtype):
    x = vectors(p, n, seed, dtype)
    before = x.copy()
    results = on_ranks(allreduce, x).results
    assert len(results) == p
    for got in results:
        np.testing.assert_array_equal(got, x.sum(axis=0).astype(dtype), strict=True)
        assert not np.shares_memory(got, x)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("allreduce", ALLREDUCES)
@pytest.mark.parametrize("p", [16, 33, 60])
def test_many_ranks_sum_as_well(allreduce, p):
    x = vectors(p, 50, seed=p)
    for got in on_ranks(allreduce, x).results:
        np.testing.assert_array_equal(got, x.sum(axis=0))


@pytest.mark.parametrize("allreduce", ALLREDUCES)
@pytest.mark.parametrize("p", [2, 4, 6, 7, 9])
def test_ranks_agree_to_the_bit_where_sums_round(allreduce, p):
    rng = np.random.default_rng(1)
    x = (rng.normal(size=(p, 40)) * 10.0 ** rng.integers(-6, 7, (p, 40))).astype("float32")
    results = on_ranks(allreduce, x).results
    assert {got.tobytes() for got in results} == {results[0].tobytes()}
    np.testing.assert_allclose(results[0], x.sum(axis=0), rtol=0, atol=1e-6 * np.abs(x).sum())


@given(p=ranks, n=lengths, seed=seeds, dtype=dtypes, root=st.integers(0, 8))
def test_reduce_leaves_the_sum_on_the_root_alone(p, n, seed, dtype, root):
    x, root = vectors(p, n, seed, dtype), root % p
    before = x.copy()
    results = on_ranks(tree_reduce, x, root).results
    np.testing.assert_array_equal(results[root], x.sum(axis=0).astype(dtype), strict=True)
    assert [r for r, got in enumerate(results) if got is not None] == [root]
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("broadcast", BROADCASTS)
@given(p=ranks, n=lengths, seed=seeds, dtype=dtypes, root=st.integers(0, 8))
def test_broadcast_gives_all_the_roots_vector(broadcast, p, n, seed, dtype, root):
    x, root = vectors(p, n, seed, dtype), root % p
    before = x.copy()
    for got in on_ranks(broadcast, x, root).results:
        np.testing.assert_array_equal(got, before[root], strict=True)
        assert not np.shares_memory(got, x)
    np.testing.assert_array_equal(x, before)


@given(p=ranks, n=lengths, seed=seeds, dtype=dtypes)
def test_alltoall_is_a_transpose_of_chunks(p, n, seed, dtype):
    x = vectors(p, n, seed, dtype)
    before = x.copy()
    results = on_ranks(pairwise_alltoall, x).results
    for r, got in enumerate(results):
        wanted = np.concatenate([np.array_split(row, p)[r] for row in x])
        np.testing.assert_array_equal(got, wanted, strict=True)
    np.testing.assert_array_equal(x, before)


@given(p=st.integers(1, 20), n=lengths, seed=seeds, dtype=dtypes)
def test_halving_leaves_chunk_r_of_the_sum_on_rank_r(p, n, seed, dtype):
    x = vectors(p, n, seed, dtype)
    before = x.copy()
    wanted = np.array_split(x.sum(axis=0).astype(dtype), p)
    results = on_ranks(recursive_halving_reduce_scatter, x).results
    for got, want in zip(results, wanted, strict=True):
        np.testing.assert_array_equal(got, want, strict=True)
        assert got.base is None  # no view that keeps the whole vector alive
    np.testing.assert_array_equal(x, before)


@given(p=st.integers(1, 20), n=lengths, seed=seeds, dtype=dtypes)
def test_doubling_puts_the_chunks_in_rank_order(p, n, seed, dtype):
    whole = vectors(1, n, seed, dtype)[0]
    chunks = np.array_split(whole, p)
    for got in on_ranks(recursive_doubling_allgather, chunks, n).results:
        np.testing.assert_array_equal(got, whole, strict=True)
        assert not any(np.shares_memory(got, chunk) for chunk in chunks)


@pytest.mark.parametrize("p", [1, 2, 5])
def test_doubling_takes_chunks_of_one_size_without_being_told_n(p):
    x = vectors(p, 3, seed=0)
    for got in on_ranks(recursive_doubling_allgather, x).results:
        np.testing.assert_array_equal(got, x.ravel(), strict=True)


def test_doubling_refuses_a_chunk_of_another_length():
    with pytest.raises(ValueError, match="chunk 0 of 5 elements over 2 ranks, which has 3, got 2"):
        recursive_doubling_allgather(np.ones(2), Untouchable(), 5)


# Messages and bytes against closed forms and lower bounds


@given(p=ranks, n=lengths)
def test_a_tree_moves_the_whole_vector_along_each_of_its_p_less_one_lines(p, n):
    x = vectors(p, n, seed=0)
    for collective, times in [(tree_reduce, 1), (tree_broadcast, 1), (tree_allreduce, 2)]:
        trace = on_ranks(collective, x).trace
        assert [m.nbytes for m in trace.messages] == [8 * n] * (times * (p - 1))
    up, down = (on_ranks(f, x).trace.messages_sent for f in (tree_reduce, tree_broadcast))
    np.testing.assert_array_equal(up, [0] + [1] * (p - 1))
    assert down[0] == np.ceil(np.log2(p))  # the root's children: no rank is further down than that


@given(p=ranks, n=lengths)
def test_recursive_doubling_sends_lg_p_whole_vectors_and_folds_the_rest(p, n):
    trace = on_ranks(recursive_doubling_allreduce, vectors(p, n, seed=0)).trace
    q = lower_power(p)
    steps, rest = int(np.log2(q)), p - q
    wanted = [1, steps + 1] * rest + [steps] * (q - rest)
    np.testing.assert_array_equal(trace.messages_sent, wanted)
    np.testing.assert_array_equal(trace.bytes_sent, 8 * n * np.array(wanted))


@given(p=ranks, n=lengths)
def test_rabenseifner_sends_2_lg_p_messages_and_in_all_the_rings_bytes(p, n):
    trace = on_ranks(rabenseifner_allreduce, vectors(p, n, seed=0)).trace
    q = lower_power(p)
    steps, rest = int(np.log2(q)), p - q
    wanted = [1, 2 * steps + 1] * rest + [2 * steps] * (q - rest)
    np.testing.assert_array_equal(trace.messages_sent, wanted)
    # Each pair of a step moves its part once; the parts of a step make n on q/2 / 2^step pairs.
    assert trace.bytes_sent.sum() == 8 * n * (2 * (q - 1) + 2 * rest)


@given(p=st.sampled_from([1, 2, 4, 8]), k=st.integers(0, 9))
def test_rabenseifner_meets_the_lower_bound_on_bytes_on_every_rank(p, k):
    n = k * p
    bytes_sent = on_ranks(rabenseifner_allreduce, vectors(p, n, seed=0)).trace.bytes_sent
    np.testing.assert_array_equal(bytes_sent, np.full(p, 2 * 8 * n * (p - 1) // p))


def halving_and_doubling(p, n):
    """Return the traces of both halves on vectors of n elements."""
    x = vectors(p, n, seed=0)
    chunks = np.array_split(x[0], p)
    reduced = on_ranks(recursive_halving_reduce_scatter, x).trace
    return reduced, on_ranks(recursive_doubling_allgather, chunks, n).trace


@given(p=ranks, n=lengths)
def test_halving_sends_lg_p_messages_and_folds_the_rest_and_doubling_is_the_same_backwards(p, n):
    reduced, gathered = halving_and_doubling(p, n)
    q = lower_power(p)
    steps, rest = int(np.log2(q)), p - q
    # A rank that rests gives a vector and gets a chunk; its neighbour has one message more for it.
    wanted = [1, steps + 1] * rest + [steps] * (q - rest)
    np.testing.assert_array_equal(reduced.messages_sent, wanted)
    np.testing.assert_array_equal(gathered.messages_sent, wanted)
    chunks = [chunk.size for chunk in np.array_split(np.zeros(n), p)]
    fold = rest * n + sum(chunks[: 2 * rest : 2])
    for trace in (reduced, gathered):
        assert trace.bytes_sent.sum() == 8 * (n * (q - 1) + fold)
    forwards, backwards = (
        sorted((*sorted((m.source, m.dest)), m.nbytes) for m in trace.messages)
        for trace in (reduced, gathered)
    )
    assert forwards == backwards


@given(p=st.sampled_from([1, 2, 4, 8]), k=st.integers(0, 9))
def test_halving_and_doubling_meet_the_lower_bound_on_bytes_on_every_rank(p, k):
    for trace in halving_and_doubling(p, k * p):
        np.testing.assert_array_equal(trace.bytes_sent, np.full(p, 8 * k * (p - 1)))


@given(p=ranks, n=lengths)
def test_no_allreduce_receives_less_than_it_must(p, n):
    """Every rank's vector counts: 2(p-1) n elements have to travel in all, whatever the way."""
    x = vectors(p, n, seed=0)
    for allreduce in ALLREDUCES:
        assert on_ranks(allreduce, x).trace.bytes_sent.sum() >= 2 * 8 * n * (p - 1)


@given(p=ranks, nodes=st.integers(1, 4), n=lengths)
def test_a_hierarchy_sends_the_rings_bytes_in_fewer_messages(p, nodes, n):
    g, p = p, p * nodes
    trace = on_ranks(hierarchical_allreduce, vectors(p, n, seed=0), g).trace
    np.testing.assert_array_equal(trace.messages_sent, np.full(p, 2 * (g - 1) + 2 * (nodes - 1)))
    assert trace.bytes_sent.sum() == 8 * n * (2 * nodes * (g - 1) + 2 * (nodes - 1))


@pytest.mark.parametrize("p", [1, 2, 7, 9, 12])
def test_the_default_node_takes_the_fewest_steps(p):
    steps = [
        on_ranks(hierarchical_allreduce, vectors(p, p, 0), g).trace.messages_sent.max()
        for g in range(1, p + 1)
        if p % g == 0
    ]
    default = on_ranks(hierarchical_allreduce, vectors(p, p, 0)).trace.messages_sent.max()
    assert default == min(steps)
    assert balanced_node(12) == 3


@pytest.mark.parametrize("p", range(1, 70))
def test_double_trees_are_two_trees_and_nobody_is_inside_both(p):
    inside = []
    for tree in double_trees(p):
        assert tree.count(None) == 1
        parents = [up for up in tree if up is not None]
        assert max(map(parents.count, parents), default=0) <= 2
        inside.append(set(parents))
        for r in range(p):  # from everywhere, the root is at most ceil(lg p) lines away
            lines = 0
            while tree[r] is not None:
                r, lines = tree[r], lines + 1
            assert lines <= np.ceil(np.log2(p))
    assert not inside[0] & inside[1]


@given(p=ranks, n=lengths, k=st.integers(1, 5))
def test_double_tree_sends_each_half_along_its_own_tree_up_and_down(p, n, k):
    trace = on_ranks(double_tree_allreduce, vectors(p, n, seed=0), k).trace
    lines = np.zeros(p, int)
    for tree in double_trees(p):
        for child, parent in enumerate(tree):
            if parent is not None:
                lines[[child, parent]] += 1
    np.testing.assert_array_equal(trace.messages_sent, k * lines)
    assert trace.bytes_sent.sum() == 2 * 8 * n * (p - 1)


@given(p=ranks, k=st.integers(1, 5), m=st.integers(0, 9))
def test_in_a_double_tree_no_rank_sends_more_than_twice_the_vector(p, k, m):
    n = 2 * k * m
    assert on_ranks(double_tree_allreduce, vectors(p, n, 0), k).trace.bytes_sent.max() <= 2 * 8 * n


@pytest.mark.parametrize("p", [3, 4, 7, 8, 9, 16, 33])
def test_the_lines_of_a_double_tree_never_wait_for_one_another(p):
    """2 rounds a segment, whatever the depth: half of the sends carry what a link can carry."""
    assert rounds(p, 10) == rounds(p, 1) + 18
    assert rounds(p, 1) <= 2 * np.ceil(np.log2(p))


@given(p=ranks, n=lengths, k=st.integers(1, 5), root=st.integers(0, 8))
def test_chain_sends_every_segment_to_the_next_rank_only(p, n, k, root):
    root %= p
    trace = on_ranks(chain_broadcast, vectors(p, n, seed=0), root, k).trace
    last = (root - 1) % p
    wanted = np.array([0 if r == last else 1 for r in range(p)])
    np.testing.assert_array_equal(trace.messages_sent, k * wanted)
    np.testing.assert_array_equal(trace.bytes_sent, 8 * n * wanted)
    assert all(m.dest == (m.source + 1) % p for m in trace.messages)


@given(p=ranks, k=st.integers(0, 9))
def test_alltoall_sends_each_chunk_but_ones_own_once(p, k):
    trace = on_ranks(pairwise_alltoall, vectors(p, k * p, seed=0)).trace
    np.testing.assert_array_equal(trace.messages_sent, np.full(p, p - 1))
    np.testing.assert_array_equal(trace.bytes_sent, np.full(p, 8 * k * (p - 1)))


@pytest.mark.parametrize(("nodes", "g"), [(1, 3), (3, 1), (2, 2), (2, 4), (3, 3)])
def test_a_hierarchy_sends_between_nodes_what_its_formula_says(nodes, g):
    p, n = nodes * g, 5 * nodes * g
    x = vectors(p, n, seed=0)
    for collective, talkers in [(leader_allreduce, 1), (hierarchical_allreduce, g)]:
        messages = on_ranks(collective, x, g).trace.messages
        outside = [m for m in messages if m.source // g != m.dest // g]
        sent = np.zeros(p, int)
        for m in outside:
            sent[m.source] += m.nbytes
        wanted = 2 * 8 * n * (nodes - 1) // nodes // talkers
        assert sent.tolist() == ([wanted] * talkers + [0] * (g - talkers)) * nodes


@given(p=ranks, g=st.integers(1, 10), n=lengths)
def test_leaders_take_a_last_node_that_is_not_full(p, g, n):
    x = vectors(p, n, seed=0)
    out = on_ranks(leader_allreduce, x, g)
    for got in out.results:
        np.testing.assert_array_equal(got, x.sum(axis=0), strict=True)
    outside = {m.source for m in out.trace.messages if m.source // g != m.dest // g}
    assert outside == (set(range(0, p, g)) if p > g else set())


# Waiting


@pytest.mark.parametrize("eager_limit", [0, 64 * 1024])
@pytest.mark.parametrize("p", [2, 5, 8])
@pytest.mark.parametrize(
    "collective", [*ALLREDUCES, tree_reduce, *BROADCASTS, *HALVES, pairwise_alltoall]
)
def test_no_collective_leans_on_eager_sends(collective, p, eager_limit):
    on_ranks(collective, np.ones((p, 10)), eager_limit=eager_limit)


@pytest.mark.parametrize("collective", [*ALLREDUCES[:4], *HALVES, pairwise_alltoall])
def test_a_rank_that_went_quiet_is_named(collective):
    def program(comm):
        if comm.rank != 1:
            collective(np.ones(4), comm)

    with pytest.raises(Deadlock, match=r"waits for rank 1"):
        simulate(program, ranks=2)


# Wrong arguments


class Untouchable:
    """A communicator that cannot send: what is refused must be refused before the first message."""

    rank, size = 0, 2


@pytest.mark.parametrize("collective", [*PLAIN, *SIZED])
@pytest.mark.parametrize(
    ("x", "complaint"),
    [
        ([1.0, 2.0], "NumPy array, got list"),
        (np.ones((2, 3)), r"shape \(n,\), got \(2, 3\)"),
        (np.array([True, False]), "numeric dtype, got bool"),
    ],
)
def test_wrong_vectors_are_refused_before_any_message(collective, x, complaint):
    more = (2,) if collective in SIZED else ()
    with pytest.raises(ValueError, match=f"{collective.__name__} needs x .*{complaint}"):
        collective(x, Untouchable(), *more)


@pytest.mark.parametrize("root", [-1, 2, 1.5, None])
@pytest.mark.parametrize("rooted", [tree_reduce, tree_broadcast, tree_allreduce, chain_broadcast])
def test_root_must_be_a_rank(rooted, root):
    with pytest.raises(ValueError, match=rf"{rooted.__name__} needs root in 0\.\.1"):
        rooted(np.ones(3), Untouchable(), root)


@pytest.mark.parametrize("count", [0, -1, 1.5, True, "2"])
def test_counts_must_be_whole_and_at_least_one(count):
    for collective, name in [
        (double_tree_allreduce, "segments"),
        (chain_broadcast, "segments"),
        (leader_allreduce, "node_size"),
        (hierarchical_allreduce, "node_size"),
    ]:
        with pytest.raises(ValueError, match=f"{collective.__name__} needs {name} as an integer"):
            collective(np.ones(3), Untouchable(), **{name: count})


def test_equal_nodes_must_divide_the_ranks():
    with pytest.raises(ValueError, match="node_size to divide 2 ranks, got 3"):
        hierarchical_allreduce(np.ones(3), Untouchable(), 3)


@pytest.mark.parametrize(
    "collective", [*ALLREDUCES, *BROADCASTS, tree_reduce, *HALVES, pairwise_alltoall]
)
def test_a_strided_or_read_only_vector_will_do(collective):
    x = np.arange(24.0)[::2]
    x.flags.writeable = False
    out = simulate(lambda comm: collective(x, comm), ranks=2)
    assert out.results[0].size


# Real processes


def all_of_them(comm, x):
    """Run each collective on row r of `x`; return the sums, and what else this rank got."""
    mine, p = x[comm.rank], comm.size
    sums = [
        tree_allreduce(mine, comm),
        recursive_doubling_allreduce(mine, comm),
        rabenseifner_allreduce(mine, comm),
        double_tree_allreduce(mine, comm),
        leader_allreduce(mine, comm, 2),
        hierarchical_allreduce(mine, comm, 2 if p % 2 == 0 else 1),
    ]
    chunk = recursive_halving_reduce_scatter(mine, comm)
    rest = [
        tree_broadcast(mine, comm),
        chain_broadcast(mine, comm),
        pairwise_alltoall(mine, comm),
        chunk,
    ]
    return [*sums, recursive_doubling_allgather(chunk, comm, mine.size)], rest


@pytest.mark.mpi
@pytest.mark.parametrize("p", [1, 3, 4])
def test_over_mpi_they_sum_and_count_the_same(p):
    for n in (0, 2, 50_000):  # nothing, fewer than p, above MPI's eager limit
        x = vectors(p, n, seed=n, dtype="float32")
        real, virtual = (world(all_of_them, ranks=p, args=(x,)) for world in (run, simulate))
        for (sums, rest), (_, same) in zip(real.results, virtual.results, strict=True):
            for total in sums:
                np.testing.assert_array_equal(total, x.sum(axis=0), strict=True)
            for got, want in zip(rest, same, strict=True):
                np.testing.assert_array_equal(got, want, strict=True)
        np.testing.assert_array_equal(real.trace.messages_sent, virtual.trace.messages_sent)
        np.testing.assert_array_equal(real.trace.bytes_sent, virtual.trace.bytes_sent)
