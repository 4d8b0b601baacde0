"""Sums whose bits do not depend on order, algorithm or ranks, and those that do."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dlpar import run, simulate
from dlpar.collectives import (
    arrival_allreduce,
    binned_allreduce,
    exact_allreduce,
    ordered_allreduce,
    recursive_doubling_allreduce,
    ring_allreduce,
    tree_allreduce,
)
from dlpar.collectives.reproducible import BITS, LOWEST, MOST_TERMS

EVERY_P = [binned_allreduce, exact_allreduce]
floats = st.floats(width=32, allow_nan=False, allow_infinity=False)
seeds = st.integers(0, 2**32 - 1)


def dealt(terms, owners, p):
    """Return p blocks: the terms, rows of (m, n), that each rank owns."""
    return [terms[np.asarray(owners) == r] for r in range(p)]


def summed(allreduce, blocks, *carrier):
    """Return the ranks' common result; fail if ranks differ in one bit."""
    results = simulate(
        lambda comm: allreduce(blocks[comm.rank], comm, *carrier), len(blocks)
    ).results
    assert {got.tobytes() for got in results} == {results[0].tobytes()}
    assert results[0].dtype == np.float32
    return results[0]


def wild(rng, shape, low=-126, high=100):
    """Floats of every size, with many that nearly cancel."""
    x = np.ldexp(rng.normal(size=shape), rng.integers(low, high, shape)).astype(np.float32)
    x[len(x) // 2 :] *= np.float32(-1)
    return x


@pytest.mark.parametrize("allreduce", EVERY_P)
@settings(deadline=None, max_examples=60)
@given(seed=seeds, m=st.integers(1, 12), n=st.integers(0, 9), narrow=st.booleans())
def test_any_order_partition_and_number_of_ranks_gives_the_same_bits(allreduce, seed, m, n, narrow):
    rng = np.random.default_rng(seed)
    terms = wild(rng, (m, n), *((-8, 8) if narrow else ()))
    alone = summed(allreduce, [terms])
    for p in (2, 3, 5):
        blocks = dealt(rng.permutation(terms), rng.integers(0, p, m), p)
        carrier = (ring_allreduce, tree_allreduce, recursive_doubling_allreduce)[p % 3]
        assert summed(allreduce, blocks, carrier).tobytes() == alone.tobytes()


@settings(deadline=None)
@given(st.lists(floats, min_size=1, max_size=12))
@example([3.4028235e38, 3.4028235e38, -3.4028235e38])  # overflows on the way, not at the end
@example([1.0, 2.0**-24, 2.0**-149])  # just beyond a tie
@example([1.0, 2.0**-24])  # a tie, to even
@example([1.0 + 2.0**-23, 2.0**-24])  # a tie, to even, upwards
@example([2.0**-149, 2.0**-149, -(2.0**-126)])
@example([-1.0, 2.0**-60])
@example([3.4028235e38, 2.0**102])
def test_exact_allreduce_returns_the_nearest_float(values):
    terms = np.array(values, np.float32)[:, None]
    (got,) = summed(exact_allreduce, [terms])
    exact = sum(map(Fraction, values), Fraction(0))
    if abs(exact) >= Fraction(2) ** 128 - Fraction(2) ** 103:  # half way beyond the largest
        assert got == math.copysign(math.inf, exact)
        return
    assert np.isfinite(got)
    away = abs(Fraction(float(got)) - exact)
    with np.errstate(over="ignore"):
        others = [np.nextafter(got, np.float32(d)) for d in (-np.inf, np.inf)]
    for other in others:
        if np.isfinite(other):
            their = abs(Fraction(float(other)) - exact)
            assert away < their or (away == their and got.view(np.uint32) % 2 == 0)


def test_exact_allreduce_is_fsum_rounded_once_more():
    terms = wild(np.random.default_rng(0), (100, 300), -20, 20)
    wanted = np.array([math.fsum(column) for column in terms.T.tolist()]).astype(np.float32)
    np.testing.assert_array_equal(summed(exact_allreduce, [terms[:40], terms[40:]]), wanted)


@settings(deadline=None)
@given(seed=seeds, m=st.integers(1, 40))
def test_binned_allreduce_keeps_its_bound(seed, m):
    terms = wild(np.random.default_rng(seed), (m, 6), -149, 100)
    got = summed(binned_allreduce, np.array_split(terms, 2))
    for value, column in zip(got, terms.T, strict=True):
        exact = sum((Fraction(float(t)) for t in column), Fraction(0))
        above = math.frexp(float(np.abs(column).max()))[1]  # |t| < 2^above
        unit = Fraction(2) ** max(above - BITS, LOWEST)
        rounding = Fraction(float(np.spacing(np.abs(value)))) / 2
        assert abs(Fraction(float(value)) - exact) <= m * unit / 2 + rounding


@pytest.mark.parametrize("allreduce", EVERY_P)
def test_sums_of_millions_of_the_largest_do_not_run_over(allreduce):
    x = np.full((3, 2), np.float32(1) - np.float32(2**-24))
    block = np.broadcast_to(x[:1], (2**12, 2))
    assert summed(allreduce, [block]).tolist() == [2**12 * (1 - 2**-24)] * 2
    # what MOST_TERMS such terms make in 64 bits
    assert MOST_TERMS * 2**BITS < 2**63
    with pytest.raises(ValueError, match="at most"):
        simulate(lambda comm: allreduce(np.ones((MOST_TERMS // 2 + 1, 0), np.float32), comm), 2)


@pytest.mark.parametrize("allreduce", EVERY_P)
def test_infinities_and_nans_are_told_as_one_would_expect(allreduce):
    inf, nan = np.inf, np.nan
    columns = [(inf, 1), (-inf, 1), (inf, inf), (inf, -inf), (nan, 1), (nan, inf), (3e38, 3e38)]
    terms = np.array([*columns, (-0.0, -0.0), (1, 2)], np.float32).T.copy()
    wanted = np.array([inf, -inf, inf, nan, nan, nan, inf, 0.0, 3], np.float32)
    for blocks in ([terms], [terms[:1], terms[1:]], [terms[1:], terms[:0], terms[:1]]):
        got = summed(allreduce, blocks)
        assert got.tobytes() == wanted.tobytes()


@pytest.mark.parametrize("allreduce", EVERY_P)
def test_a_vector_is_one_term_and_stays_as_it_is(allreduce):
    x = wild(np.random.default_rng(1), (4, 7), -9, 9)
    before = x.copy()
    as_vectors = summed(allreduce, list(x))
    assert as_vectors.tobytes() == summed(allreduce, [x]).tobytes()
    np.testing.assert_array_equal(x, before)
    strided = summed(allreduce, [x[:, ::2]])
    assert strided.tobytes() == as_vectors[::2].tobytes()


@pytest.mark.parametrize("allreduce", EVERY_P)
@pytest.mark.parametrize(
    "x", [np.ones(3), np.ones((1, 1, 1), np.float32), [1.0], np.ones(2, np.int32)]
)
def test_only_float32_terms_are_taken(allreduce, x):
    with pytest.raises(ValueError, match="float32"):
        simulate(lambda comm: allreduce(x, comm), 1)


def test_the_bytes_are_as_many_as_the_docstrings_say():
    p, n = 4, 4000
    x = np.random.default_rng(0).normal(size=(p, n)).astype(np.float32)
    x = np.where(np.abs(x) < 2**-6, np.float32(1), x)  # 30 bits from the last to the first

    def sent(allreduce):
        program = lambda comm: allreduce(x[comm.rank], comm)  # noqa: E731
        return simulate(program, p).trace.bytes_sent

    ring = sent(ring_allreduce)
    np.testing.assert_array_equal(sent(ordered_allreduce), ring)
    integers = sent(lambda x, comm: ring_allreduce(x.astype(np.int64), comm))
    np.testing.assert_array_equal(integers, 2 * ring)
    hidden = sent(binned_allreduce) - integers  # collectives of MPI's own may be counted or not
    assert (hidden <= 2 * n).all()
    limbs = sent(exact_allreduce) / integers
    assert (limbs >= 1.9).all()
    assert (limbs <= 3.1).all()


def test_ordered_allreduce_adds_in_the_order_of_ranks_wherever_an_element_lies():
    x = wild(np.random.default_rng(2), (5, 13), -9, 9)
    wanted = x[0].copy()
    for row in x[1:]:
        wanted += row
    assert summed(ordered_allreduce, list(x)).tobytes() == wanted.tobytes()
    column = np.tile(np.array([[1e8], [1.0], [-1e8], [1.0], [0.1]], np.float32), 5)
    assert len(set(summed(ordered_allreduce, list(column)).tolist())) == 1
    assert len(set(summed(ring_allreduce, list(column)).tolist())) > 1  # else nothing is shown


def test_floats_depend_on_p_and_whole_numbers_do_not():
    terms = wild(np.random.default_rng(3), (12, 200), -9, 9)
    rings, bins = (
        {summed(f, [sum_of(block) for block in np.split(terms, p)]).tobytes() for p in (2, 3, 4)}
        for f, sum_of in (
            (ring_allreduce, lambda block: block.sum(axis=0)),
            (binned_allreduce, lambda block: block),
        )
    )
    assert len(rings) == 3
    assert len(bins) == 1


def test_the_order_of_arrival_changes_the_bits_of_floats_only():
    x = np.array([[1.0], [1e8], [-1e8], [0.5]], np.float32)

    def program(comm, allreduce, late):
        from dlpar.world import work

        work(comm, seconds=float(comm.rank == late))
        return allreduce(x[comm.rank], comm)

    def bits(allreduce):
        runs = [simulate(program, 4, (allreduce, late)).results for late in range(4)]
        assert all(len({got.tobytes() for got in results}) == 1 for results in runs)
        return {results[0].tobytes() for results in runs}

    assert len(bits(arrival_allreduce)) > 1
    for allreduce in (ordered_allreduce, *EVERY_P):
        assert len(bits(allreduce)) == 1


def test_arrival_allreduce_called_often_mixes_no_two_sums():
    x = np.arange(4.0)

    def program(comm):
        return [float(arrival_allreduce(x[comm.rank :][:1] + k, comm)[0]) for k in range(20)]

    for got in simulate(program, 4).results:
        assert got == [6.0 + 4 * k for k in range(20)]


@pytest.mark.mpi
@pytest.mark.xdist_group("mpi")
def test_real_processes_get_the_simulators_bits():
    terms = wild(np.random.default_rng(4), (6, 50), -9, 9)

    def program(comm, terms):
        from dlpar.collectives import binned_allreduce, exact_allreduce, ordered_allreduce

        mine = terms[comm.rank :: comm.size]
        return (
            binned_allreduce(mine, comm).tobytes(),
            exact_allreduce(mine, comm).tobytes(),
            ordered_allreduce(terms[comm.rank], comm).tobytes(),
        )

    assert run(program, 2, (terms,)).results == simulate(program, 2, (terms,)).results
