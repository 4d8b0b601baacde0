"""Rounds, rubber bands and gossip: each equals what it should equal where its theory says so."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlpar import simulate
from dlpar.collectives import tree_allreduce
from dlpar.data_parallel import (
    consensus_rate,
    conservative_steps,
    elastic_rounds,
    elastic_worker,
    gossip_rounds,
    hold_centre,
    local_steps,
    ring_mixing,
    train_in_rounds,
)
from dlpar.nn import mlp
from dlpar.optim import SGD, Adam, Momentum, batches

SIZES = (5, 6, 3)
RNG = np.random.default_rng(4)
X, Y = RNG.normal(size=(48, SIZES[0])), RNG.integers(0, SIZES[-1], 48)


def fresh():
    return mlp(SIZES, np.random.default_rng(0), dtype=np.float64)


def in_rounds(comm, steps, rounds, optimizer=SGD, shuffle=False, **rule):
    model = fresh()
    mine = np.array_split(np.arange(48), comm.size)[comm.rank]
    rng = np.random.default_rng(comm.rank) if shuffle else None
    b = len(mine) if not shuffle else 4
    local = local_steps(model, optimizer(model.params), X[mine], Y[mine], b, steps, 0.2, rng)
    return train_in_rounds(model.params, local, rounds, comm, **rule)


def large_batch(updates, optimizer=SGD, **options):
    model = fresh()
    rule = optimizer(model.params, **options)
    for _ in range(updates):
        model.loss_and_grad(X, Y)
        rule.step(model.grads, 0.2)
    return model.params


@pytest.mark.parametrize("p", [1, 2, 3, 5])
def test_one_step_a_round_is_the_large_batch(p):
    """Also where shares differ: 48 examples over 5 ranks, weighted by their number."""
    for params in simulate(in_rounds, p, (1, 6)).results:
        np.testing.assert_allclose(params, large_batch(6), rtol=0, atol=1e-12)


@pytest.mark.parametrize("nesterov", [False, True])
def test_block_momentum_with_one_step_a_round_is_momentum_sgd(nesterov):
    def program(comm):
        return in_rounds(comm, 1, 6, momentum=0.7, nesterov=nesterov)

    for params in simulate(program, 3).results:
        if nesterov:
            # w moves by zeta G + eta u: Nesterov's look-ahead at rate 1 on steps -lr g.
            expected = large_batch(6, Momentum, mu=0.7, nesterov=True)
        else:
            expected = large_batch(6, Momentum, mu=0.7)
        np.testing.assert_allclose(params, expected, rtol=0, atol=1e-12)


def test_without_momentum_a_round_is_plain_averaging():
    def alone(rank, start):
        model = fresh()
        model.params[:] = start
        mine = np.array_split(np.arange(48), 4)[rank]
        rng, rule = np.random.default_rng(rank), SGD(model.params)
        for some in list(batches(12, 4, rng))[:3]:
            model.loss_and_grad(X[mine][some], Y[mine][some])
            rule.step(model.grads, 0.2)
        return model.params.copy()

    got = simulate(lambda comm: in_rounds(comm, 3, 1, shuffle=True), 4).results
    expected = np.mean([alone(r, fresh().params) for r in range(4)], axis=0)
    np.testing.assert_allclose(got[0], expected, rtol=0, atol=1e-12)


def test_bmufs_two_sequences_are_the_one_line():
    """NBM as its paper writes it: a global model and another one to start the round from."""
    eta, zeta, rounds = 0.75, 1.0, 5

    def paper(comm):
        model = fresh()
        mine = np.array_split(np.arange(48), comm.size)[comm.rank]
        rng = np.random.default_rng(comm.rank)
        args = (X[mine], Y[mine], 4, 2, 0.2, rng)
        local = local_steps(model, SGD(model.params), *args)
        w, delta = model.params.copy(), np.zeros_like(model.params)
        for k in range(rounds):
            start = w + eta * delta
            model.params[:] = start
            local(model.params, k)
            mean = tree_allreduce(model.params.copy(), comm) / comm.size
            delta = eta * delta + zeta * (mean - start)
            w = w + delta
        return w + eta * delta

    ours = simulate(
        lambda comm: in_rounds(comm, 2, rounds, shuffle=True, momentum=eta, lr=zeta, nesterov=True),
        4,
    ).results
    for one, theirs in zip(ours, simulate(paper, 4).results, strict=True):
        np.testing.assert_allclose(one, theirs, rtol=0, atol=1e-12)


def test_slow_momentum_is_block_momentum_with_another_learning_rate():
    beta, alpha, inner = 0.6, 0.8, 0.2

    def paper(comm):
        model = fresh()
        mine = np.array_split(np.arange(48), comm.size)[comm.rank]
        args = (X[mine], Y[mine], 4, 3, inner, np.random.default_rng(comm.rank))
        local = local_steps(model, SGD(model.params), *args)
        w, u = model.params.copy(), np.zeros_like(model.params)
        for k in range(4):
            local(model.params, k)
            mean = tree_allreduce(model.params.copy(), comm) / comm.size
            u = beta * u + (w - mean) / inner
            w = w - alpha * inner * u
            model.params[:] = w
        return w

    args = {"shuffle": True, "momentum": beta, "lr": alpha}
    ours = simulate(lambda comm: in_rounds(comm, 3, 4, **args), 2).results
    for one, theirs in zip(ours, simulate(paper, 2).results, strict=True):
        np.testing.assert_allclose(one, theirs, rtol=0, atol=1e-12)


def test_diloco_with_outer_rate_1_and_no_momentum_is_fedavg():
    args = {"optimizer": Adam, "shuffle": True}
    diloco = simulate(lambda c: in_rounds(c, 3, 3, nesterov=True, momentum=0.0, **args), 3)
    fedavg = simulate(lambda c: in_rounds(c, 3, 3, **args), 3)
    np.testing.assert_allclose(diloco.results[0], fedavg.results[0], rtol=0, atol=1e-13)


def test_a_rank_that_sits_out_does_not_count():
    def program(comm, out):
        params = np.zeros(2)

        def local(params, k):
            params += comm.rank + 1
            return 0 if comm.rank == out else 1

        return train_in_rounds(params, local, 1, comm)

    for got in simulate(program, 3, (2,)).results:
        np.testing.assert_array_equal(got, [1.5, 1.5])


@pytest.mark.parametrize("weight", [0, -1])
def test_a_round_without_weight_is_refused(weight):
    with pytest.raises(ValueError, match="round 0: weights"):
        simulate(lambda comm: train_in_rounds(np.zeros(2), lambda p, k: weight, 1, comm), 3)


@settings(deadline=None, max_examples=15)
@given(p=st.integers(1, 6), steps=st.integers(1, 5), rounds=st.integers(1, 6))
def test_messages_are_those_of_the_rounds(p, steps, rounds):
    trace = simulate(in_rounds, p, (steps, rounds)).trace
    assert trace.bytes_sent.sum() == rounds * 2 * (p - 1) * 8 * (fresh().params.size + 1)


# ------------------------------------------------------------------- EMSO


def conservative(comm, steps, gamma, rounds=1):
    model = fresh()
    args = (X, Y, 6, steps, 0.2, gamma, np.random.default_rng(comm.rank))
    local = conservative_steps(model, *args)
    return train_in_rounds(model.params, local, rounds, comm)


@pytest.mark.parametrize("gamma", [0.0, 3.0])
def test_emso_with_one_inner_step_is_mini_batch_sgd(gamma):
    got = simulate(conservative, 3, (1, gamma)).results[0]
    model, total = fresh(), 0
    for rank in range(3):
        some = np.random.default_rng(rank).choice(48, 6, replace=False)
        model.loss_and_grad(X[some], Y[some])
        total = total + model.grads / 3
    np.testing.assert_allclose(got, fresh().params - 0.2 * total, rtol=0, atol=1e-12)


def test_emso_moves_no_further_than_the_gradient_over_gamma():
    """The exact subproblem's bound, |w - w0| <= |grad(w0)| / gamma; a convex model, many steps."""
    model = mlp((5, 3), np.random.default_rng(0), dtype=np.float64)
    some = np.random.default_rng(0).choice(48, 6, replace=False)
    model.loss_and_grad(X[some], Y[some])
    slope, start = np.linalg.norm(model.grads), model.params.copy()
    for gamma in (0.5, 2.0, 8.0):
        model.params[:] = start
        local = conservative_steps(model, X, Y, 6, 400, 0.05, gamma, np.random.default_rng(0))
        local(model.params, 0)
        assert 0 < np.linalg.norm(model.params - start) <= slope / gamma


# ---------------------------------------------------------------- elastic


def bands(comm, alpha, rounds, eta):
    """Each rank learns its own number; return (x, centre)."""
    x = np.ones(1)

    def step(params, _):
        params -= eta * (params - comm.rank)

    centre = elastic_rounds(x, step, rounds, comm, alpha)
    return x, centre


def test_all_ranks_hold_the_same_centre():
    results = simulate(bands, 4, (0.2, 7, 0.3)).results
    assert len({centre.tobytes() for _, centre in results}) == 1


def modes(comm, alpha, rounds):
    """No learning: what is left of the spread between ranks, and of x - centre where all agree."""
    spread = np.array([1.0 if comm.rank == 0 else -1.0 / (comm.size - 1), 2.0])
    params = np.zeros(2)

    def step(params, k):
        if k == 0:
            params[:] = spread

    centre = elastic_rounds(params, step, rounds, comm, alpha)
    return params, centre


def test_without_gradients_the_bands_contract_at_their_eigenvalues():
    p, alpha = 4, 0.1
    states = [simulate(modes, p, (alpha, k)).results for k in (1, 2, 3, 6)]
    for (k, _), results in zip([(0, 0), (1, 0), (2, 0), (5, 0)], states, strict=True):
        (x, centre) = results[0]
        assert x[0] - centre[0] == pytest.approx((1 - alpha) ** k)
        assert x[1] - centre[1] == pytest.approx(2 * (1 - alpha - p * alpha) ** k)
        total = sum(r[0] for r in results) + centre
        np.testing.assert_allclose(total, [0, 2 * p], atol=1e-12)


def asynchronous(comm, tau, steps, alpha):
    params = np.full(3, float(comm.rank))
    if comm.rank == 0:
        return params, hold_centre(params, comm, alpha)
    elastic_worker(params, lambda params, t: None, steps, tau, comm)
    return params, None


@pytest.mark.parametrize("tau", [1, 3, 10])
def test_whoever_comes_to_the_centre_leaves_what_it_takes(tau):
    out = simulate(asynchronous, 4, (tau, 10, 0.3))
    np.testing.assert_allclose(sum(r[0] for r in out.results), [6, 6, 6], rtol=1e-14)
    visits = 3 * -(-10 // tau)
    assert out.results[0][1] == visits
    assert out.trace.bytes_sent.sum() == visits * 2 * 24


def test_an_asymmetric_band_would_break_the_sum():
    """The mutant of hold_centre that moves the centre first loses x + c: the test above sees it."""
    x, c, alpha = 3.0, 1.0, 0.3
    moved = c + alpha * (x - c)
    assert (x - alpha * (x - moved)) + moved != pytest.approx(x + c)


@pytest.mark.parametrize("alpha", [-0.1, 1.1])
def test_alpha_is_a_share(alpha):
    with pytest.raises(ValueError, match="alpha"):
        simulate(bands, 2, (alpha, 1, 0.0))
    with pytest.raises(ValueError, match="alpha"):
        simulate(lambda comm: hold_centre(np.zeros(1), comm, alpha), 1)


# ----------------------------------------------------------------- gossip


def whisper(comm, rounds, lr):
    params = np.array([float(comm.rank == 0), float(comm.rank)])
    pull = np.array([0.0, 1.0])
    return gossip_rounds(params, lambda p, k: pull, rounds, comm, ring_mixing(comm.size), lr)


@pytest.mark.parametrize("p", [1, 2, 3, 4, 8])
def test_gossip_keeps_the_mean_and_forgets_the_rest_at_the_spectral_gap(p):
    rate = consensus_rate(ring_mixing(p))
    far = [np.std([r[0] for r in simulate(whisper, p, (k, 0.0)).results]) for k in (20, 21)]
    if rate > 1e-9:
        assert far[1] / far[0] == pytest.approx(rate, rel=1e-3)
    else:
        assert far[1] < 1e-12
    moved = simulate(whisper, p, (10, 0.5)).results
    assert np.mean([r[1] for r in moved]) == pytest.approx((p - 1) / 2 - 5)


@pytest.mark.parametrize("mixing", [ring_mixing(4), np.full((4, 4), 1 / 4)])
def test_the_mean_of_gossiping_models_descends_like_one_model(mixing):
    """Exactly so where gradients are linear: rank r pulls with strength 2 towards r."""

    def program(comm):
        return gossip_rounds(np.zeros(1), lambda w, k: 2 * (w - comm.rank), 6, comm, mixing, 0.1)

    w = 0.0
    for _ in range(6):
        w -= 0.1 * 2 * (w - 1.5)
    assert np.mean(simulate(program, 4).results) == pytest.approx(w, rel=1e-12)


@pytest.mark.parametrize("mixing", [np.eye(3), np.ones((2, 2)), [[1, 0], [1, 0]]])
def test_mixing_that_loses_something_is_refused(mixing):
    with pytest.raises(ValueError, match="mixing"):
        simulate(lambda c: gossip_rounds(np.ones(2), None, 1, c, mixing, 0.1), 2)
