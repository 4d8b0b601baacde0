"""Data parallelism: p replicas are one model, whatever the shares; buckets hide what they can."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlpar import run, simulate
from dlpar.collectives import rabenseifner_allreduce, ring_allreduce, tree_allreduce
from dlpar.data_parallel import (
    Buckets,
    amdahl,
    broadcast_params,
    bucket_slices,
    descend_together,
    descend_with_backups,
    exposed_seconds,
    fit_amdahl,
    fit_gustafson,
    gustafson,
    replicas_agree,
)
from dlpar.nn import mlp
from dlpar.optim import Momentum, descend
from dlpar.world import Network

SIZES = (6, 9, 4)
RNG = np.random.default_rng(5)
X, Y = RNG.normal(size=(40, SIZES[0])), RNG.integers(0, SIZES[-1], 40)


def fresh(seed=0):
    return mlp(SIZES, np.random.default_rng(seed), dtype=np.float64)


def alone(b, updates, lr=0.3):
    model = fresh()
    losses = list(descend(model, X, Y, b, updates, lr, np.random.default_rng(1)))
    return model.params, losses


def together(comm, b, updates, exchange=ring_allreduce, buckets=None, micro=None, optimizer=None):
    model = fresh()
    rng = np.random.default_rng(1)
    if buckets is not None:
        exchange = Buckets(model, comm, buckets)
    optimizer = optimizer and optimizer(model.params)
    losses = list(
        descend_together(model, X, Y, b, updates, 0.3, comm, rng, exchange, optimizer, micro)
    )
    return model.params, losses, replicas_agree(model.params, comm)


@settings(deadline=None, max_examples=25)
@given(
    p=st.integers(1, 6),
    b=st.integers(1, 40),
    buckets=st.sampled_from([None, 1, 200, 10**6]),
    micro=st.sampled_from([None, 1, 3]),
)
def test_p_replicas_are_the_one_model_of_the_large_batch(p, b, buckets, micro):
    expected, losses = alone(b, 5)
    ranks = simulate(together, p, (b, 5, ring_allreduce, buckets, micro)).results
    for params, _, agree in ranks:
        assert agree
        np.testing.assert_array_equal(params, ranks[0][0])
        np.testing.assert_allclose(params, expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(sum(np.array(r[1]) for r in ranks), losses, rtol=0, atol=1e-12)


@pytest.mark.parametrize("exchange", [tree_allreduce, rabenseifner_allreduce])
def test_every_allreduce_is_an_exchanger(exchange):
    expected, _ = alone(16, 3)
    for params, _, agree in simulate(together, 5, (16, 3, exchange)).results:
        assert agree
        np.testing.assert_allclose(params, expected, rtol=0, atol=1e-12)


@pytest.mark.mpi
@pytest.mark.xdist_group("mpi")
def test_real_processes_train_the_same_bits_as_simulated_ones():
    real = run(together, 2, (13, 4, ring_allreduce)).results
    virtual = simulate(together, 2, (13, 4, ring_allreduce)).results
    np.testing.assert_array_equal(real[0][0], virtual[0][0])
    assert all(agree for _, _, agree in real)
    bucketed = run(together, 2, (13, 4, None, 100)).results
    np.testing.assert_allclose(bucketed[1][0], virtual[0][0], rtol=0, atol=1e-12)


def test_a_bit_of_difference_between_replicas_is_seen():
    def program(comm, flip):
        params = np.ones(1000, np.float32)
        if comm.rank == 2 and flip:
            params[777] = np.nextafter(np.float32(1), np.float32(2))
        return replicas_agree(params, comm)

    assert simulate(program, 4, (False,)).results == [True] * 4
    assert simulate(program, 4, (True,)).results == [False] * 4


def test_broadcast_gives_all_the_model_of_rank_0():
    def program(comm):
        model = fresh(comm.rank)
        before = replicas_agree(model.params, comm)
        broadcast_params(model, comm)
        return before, replicas_agree(model.params, comm), model.params

    for before, after, params in simulate(program, 3).results:
        assert (before, after) == (False, True)
        np.testing.assert_array_equal(params, fresh(0).params)


@given(
    sizes=st.lists(st.integers(0, 50), min_size=1, max_size=8),
    bucket_bytes=st.integers(1, 900),
)
def test_buckets_cut_the_vector_from_its_end_and_are_full(sizes, bucket_bytes):
    ends = np.cumsum([0, *sizes])
    parts = [slice(int(a), int(b)) for a, b in pairwise(ends)]
    slices = bucket_slices(parts, 8, bucket_bytes)
    assert sum(s.stop - s.start for s in slices) == sum(sizes)
    stop = sum(sizes)
    for s in slices:
        assert s.stop == stop
        stop = s.start
    assert all((s.stop - s.start) * 8 >= bucket_bytes for s in slices[:-1])
    starts = {part.start for part in parts}
    assert all(s.start in starts for s in slices)


def deep(comm, buckets, flops_apart=None):
    model = mlp((64, 64, 64, 64, 64, 10), np.random.default_rng(0))
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(64, 64)).astype(np.float32), rng.integers(0, 10, 64)
    exchange = Buckets(model, comm, buckets)
    list(descend_together(model, x, y, 64, 4, 0.1, comm, rng, exchange))
    return model.params.copy()


def test_overlap_hides_what_the_formula_says():
    """Layers of equal size, one bucket each: the network is the slower one, or the work is."""
    d, p = 64 * 64 + 64, 4
    for beta in (1e-9, 1e-12):
        net = Network(alpha=0.0, beta=beta, flops=1e10)
        one = simulate(deep, p, (10**9,), net)
        many = simulate(deep, p, (1,), net)
        np.testing.assert_array_equal(one.results[0], many.results[0])
        exposed_one, exposed_many = exposed_seconds(one.trace)[0], exposed_seconds(many.trace)[0]
        back = 4 * 16 * d / 1e10  # s of backward in one hidden layer
        load = 2 * (p - 1) / p * 4 * beta  # s of an allreduce, an element
        last = 10 * 64 + 10
        whole = (4 * d + last) * load
        assert exposed_one == pytest.approx(4 * whole)
        # The last layer's bucket starts first; then they queue, or each waits for its layer.
        end = 0.0
        for i, size in enumerate([last, d, d, d, d]):
            ready = i * back
            end = max(end, ready) + size * load
        assert exposed_many == pytest.approx(4 * (end - 4 * back))
        assert exposed_many < 0.8 * exposed_one


def test_buckets_refuse_what_is_not_theirs():
    def program(comm):
        with pytest.raises(ValueError, match="another model"):
            Buckets(fresh(), comm)(fresh().grads, comm)

    simulate(program, 2)
    with pytest.raises(ValueError, match="bucket_bytes"):
        bucket_slices([slice(0, 3)], 8, 0)


def late(comm, backups, slow):
    model = fresh()
    rng = np.random.default_rng(comm.rank)
    counted = descend_with_backups(
        model, X, Y, 8, 12, 0.3, comm, rng, backups, lambda rank, t: 10.0 if rank == slow else 1.0
    )
    return counted, model.params.copy()


def test_a_backup_worker_buys_freedom_from_one_straggler():
    net = Network(alpha=0.0, beta=0.0)
    waiting, free = (simulate(late, 5, (b, 3), net) for b in (0, 1))
    assert waiting.time == pytest.approx(120)
    np.testing.assert_array_equal(waiting.results[0][0], [0, 12, 12, 12, 12])
    counted = free.results[0][0]
    assert counted[3] < 3
    assert counted.sum() == 36
    assert free.time < 30  # 12 steps of 1 s, then the straggler's last gradient
    assert len({r[1].tobytes() for r in free.results}) > 1


def test_without_backups_and_stragglers_the_server_applies_the_mean():
    def program(comm):
        model = fresh()
        rng = np.random.default_rng(7)
        descend_with_backups(model, X, Y, 8, 3, 0.3, comm, rng)
        return model.params

    got = simulate(program, 3).results[0]
    model, rng = fresh(), np.random.default_rng(7)
    for _ in range(3):  # both workers draw the same batches here
        some = rng.choice(len(X), 8, replace=False)
        model.loss_and_grad(X[some], Y[some])
        model.params -= 0.3 * model.grads
    np.testing.assert_allclose(got, model.params, rtol=0, atol=1e-12)


@pytest.mark.parametrize("backups", [-1, 2, 5])
def test_backups_leave_a_worker_to_wait_for(backups):
    with pytest.raises(ValueError, match="backups must be 0"):
        simulate(late, 3, (backups, 1))


@given(serial=st.floats(0, 1))
def test_the_laws_are_found_again_in_their_own_points(serial):
    p = np.array([1, 2, 4, 8])
    assert fit_amdahl(p, amdahl(p, serial)) == pytest.approx(serial, abs=1e-9)
    assert fit_gustafson(p, gustafson(p, serial)) == pytest.approx(serial, abs=1e-9)


@pytest.mark.parametrize("fit", [fit_amdahl, fit_gustafson])
def test_a_law_is_not_fitted_to_nothing(fit):
    for p, speedup in (([1], [1]), ([1, 2], [1]), ([1, 2], [1, 0]), ([0.5, 2], [1, 1])):
        with pytest.raises(ValueError, match="must be"):
            fit(p, speedup)


def test_momentum_lives_on_every_replica():
    model, rng = fresh(), np.random.default_rng(1)
    list(descend(model, X, Y, 10, 6, 0.3, rng, Momentum(model.params)))
    for params, _, _ in simulate(
        together, 3, (10, 6, ring_allreduce, None, None, Momentum)
    ).results:
        np.testing.assert_allclose(params, model.params, rtol=0, atol=1e-12)
