"""DistBelief: replicas that run free, and a coordinator that never sees a vector."""

import math

import numpy as np
import pytest

from dlpar import run, simulate
from dlpar.frameworks.downpour import downpour
from dlpar.frameworks.sandblaster import sandblaster
from dlpar.nn import mlp
from dlpar.optim import SGD, Adagrad
from dlpar.parameter_server import assemble, breaches
from dlpar.world import Network

SIZES = (5, 6, 3)
RNG = np.random.default_rng(4)
X, Y = RNG.normal(size=(50, SIZES[0])), RNG.integers(0, SIZES[-1], 50)
NET = Network(alpha=1e-6, beta=0.0, eager_limit=math.inf)


def fresh():
    return mlp(SIZES, np.random.default_rng(0), dtype=np.float64)


def some(rng):
    return (lambda i: (X[i], Y[i]))(rng.choice(50, 10, replace=False))


def train(comm, replicas, steps=30, lr=0.1, seed=0, **options):
    rng = np.random.default_rng([seed, comm.rank])
    pace = np.random.default_rng(seed).uniform(0.9, 1.1, (replicas, steps))
    options.setdefault("seconds", lambda replica, step: pace[replica, step])
    return downpour(fresh(), some, steps, lr, comm, rng, comm.size - replicas, **options)


def test_gradients_are_about_p_minus_1_updates_late_and_shards_are_out_of_step():
    for replicas in (2, 4, 8):
        out = simulate(train, replicas + 2, (replicas,), NET)
        for served in out.results[:2]:
            late = [one.staleness for one in served.history]
            assert np.mean(late) == pytest.approx(replicas - 1, abs=0.25)
        orders = [[one.worker for one in served.history] for served in out.results[:2]]
        assert sorted(orders[0]) == sorted(orders[1])


def test_a_replica_may_see_two_shards_at_different_versions():
    """With a slow wire to one shard, an update reaches the other first."""

    def program(comm):
        rng = np.random.default_rng(comm.rank)
        return downpour(fresh(), some, 20, 0.1, comm, rng, 2, seconds=lambda r, t: rng.random())

    out = simulate(program, 6, network=Network(alpha=1e-6, beta=1e-3, eager_limit=math.inf))
    seen = {}
    for replica in out.results[2:]:
        for read in replica.reads:
            seen.setdefault((read.worker, read.clock), []).append(read.version)
    assert any(a != b for a, b in seen.values())


def test_another_schedule_is_another_model_and_the_same_schedule_the_same_bits():
    def weights(seed):
        results = simulate(lambda comm: train(comm, 4, seed=seed), 5, network=NET).results
        return assemble(results, 1, fresh().params)

    np.testing.assert_array_equal(weights(1), weights(1))
    assert not np.array_equal(weights(1), weights(2))


def test_fetch_and_push_save_messages():
    def messages(**options):
        trace = simulate(lambda comm: train(comm, 3, steps=12, **options), 4, network=NET).trace
        return len(trace.messages)

    assert messages() == 3 * 12 * 3 + 3  # ask, reply, push; a last word each
    assert messages(fetch=3) == 3 * (4 * 2 + 12) + 3
    assert messages(push=4) == 3 * (12 * 2 + 3) + 3
    assert messages(push=5) == 3 * (12 * 2 + 3) + 3  # what is left after 12 steps goes too


def test_one_replica_is_gradient_descent():
    results = simulate(lambda comm: train(comm, 1, optimizer=SGD), 2).results
    model, rng = fresh(), np.random.default_rng([0, 1])
    for _ in range(30):
        model.loss_and_grad(*some(rng))
        model.params -= 0.1 * model.grads
    np.testing.assert_allclose(results[0].weights, model.params, rtol=0, atol=1e-12)


def test_the_warm_start_is_the_first_replicas_alone():
    out = simulate(lambda comm: train(comm, 3, warm_steps=10), 4, network=NET)
    workers = [one.worker for one in out.results[0].history]
    assert workers[:10] == [1] * 10
    assert set(workers[10:]) == {1, 2, 3}
    reads = [read for replica in out.results[1:] for read in replica.reads]
    assert breaches(reads, out.results[0].history, math.inf) == []


def test_adagrad_bears_more_replicas_than_a_fixed_rate():
    """The same large rate, 12 replicas: the late gradients throw SGD's weights far away."""

    def loss(optimizer):
        out = simulate(lambda comm: train(comm, 12, 40, 1.0, optimizer=optimizer), 13, network=NET)
        model = fresh()
        model.params[:] = out.results[0].weights
        return model.loss(X, Y)

    assert loss(Adagrad) < 1.0
    assert loss(SGD) > 2 * loss(Adagrad)


@pytest.mark.parametrize(
    "options", [{"servers": 0}, {"servers": 3}, {"fetch": 0}, {"push": 0}, {"warm_steps": 9}]
)
def test_downpour_refuses_what_makes_no_sense(options):
    with pytest.raises(ValueError, match=r"must be|warm_steps"):
        simulate(lambda comm: downpour(fresh(), some, 4, 0.1, comm, RNG, **options), 3)


# ------------------------------------------------------------- Sandblaster


def lbfgs(batches, memory, lr):
    """The same method on one machine, written from the textbook with plain arrays."""
    model, pairs, losses, old = fresh(), [], [], None
    for k in range(batches):
        losses.append(model.loss_and_grad(X, Y))
        w, g = model.params.copy(), model.grads.copy()
        if old is not None:
            s, y = w - old[0], g - old[1]
            pairs = pairs[-(memory - 1) :] if memory > 1 else []
            if s @ y > 0:
                pairs.append((s, y))
        q, alphas = g.copy(), []
        for s, y in reversed(pairs):
            alphas.append((s @ q) / (s @ y))
            q -= alphas[-1] * y
        if pairs:
            s, y = pairs[-1]
            q *= (s @ y) / (y @ y)
        for (s, y), alpha in zip(pairs, reversed(alphas), strict=True):
            q += (alpha - (y @ q) / (s @ y)) * s
        old = w, g
        model.params -= (lr if k else lr / np.linalg.norm(g)) * q
    return model.params, losses


def blast(comm, shards, portion=7, batches=9, memory=4, seconds=None):
    return sandblaster(fresh(), X, Y, portion, batches, comm, shards, memory, 0.5, seconds)


@pytest.mark.parametrize(("shards", "replicas", "portion", "memory"), [
    (1, 1, 50, 1), (2, 3, 7, 4), (3, 2, 1, 2), (2, 4, 13, 20),
])  # fmt: skip
def test_the_distributed_method_is_the_textbooks(shards, replicas, portion, memory):
    out = simulate(blast, 1 + shards + replicas, (shards, portion, 9, memory), NET)
    expected, losses = lbfgs(9, memory, 0.5)
    got = np.concatenate(out.results[1 : 1 + shards])
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-10)
    np.testing.assert_allclose([batch.loss for batch in out.results[0]], losses, atol=1e-10)


def test_the_coordinator_sends_and_gets_a_few_numbers_and_no_vector():
    out = simulate(blast, 6, (2,), NET)
    n = fresh().params.size
    about = [m for m in out.trace.messages if 0 in (m.source, m.dest)]
    assert max(m.nbytes for m in about) <= 3 * 8 < n * 8
    orders = [m for m in about if m.source == 0 and m.dest in (1, 2)]
    # A batch: 2 m + some dots and as many axpys, to each shard.
    assert len(orders) / 2 / 9 < 8 * 4 + 12


def test_backup_tasks_spare_the_batch_its_slowest_replica():
    def pace(replica, portion):
        return 100.0 if replica == 1 else 1.0

    out = simulate(blast, 1 + 1 + 4, (1, 5, 6, 4, pace), NET)
    done = [m for m in out.trace.messages if m.tag == 15 and m.source != 3]
    assert max(m.sent for m in done) < 40  # 6 batches of 10 portions, 3 replicas at 1 s each
    log = out.results[0]
    assert sum(batch.doubled for batch in log) >= 1
    expected, _ = lbfgs(6, 4, 0.5)
    np.testing.assert_allclose(out.results[1], expected, rtol=0, atol=1e-10)
    assert all(sum(batch.portions) == 10 for batch in log)


@pytest.mark.mpi
@pytest.mark.xdist_group("mpi")
def test_sandblaster_on_real_processes():
    out = run(blast, 4, (1,))
    np.testing.assert_allclose(out.results[1], lbfgs(9, 4, 0.5)[0], rtol=0, atol=1e-10)


def test_sandblaster_refuses_what_makes_no_sense():
    for shards, portion in ((0, 1), (3, 1), (1, 0)):
        with pytest.raises(ValueError, match="must be"):
            simulate(blast, 4, (shards, portion))
