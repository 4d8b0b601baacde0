"""Exchanges: the sum, the bytes in both worlds, delay and warm-up, and training to the end."""

import numpy as np
import pytest

from dlpar import compress as c
from dlpar import run, simulate
from dlpar.collectives import rabenseifner_allreduce, ring_allreduce
from dlpar.data import digits, mnist5k
from dlpar.data_parallel import descend_together, replicas_agree
from dlpar.nn import mlp
from dlpar.nn.formats import FP16
from dlpar.optim import Adam


def dice(seed=0):
    return np.random.default_rng(seed)


EXCHANGES = {
    "top_k": lambda rank: c.GatherExchange(c.TopK(0.1)),
    "random_k": lambda rank: c.GatherExchange(c.RandomK(0.2, dice(rank))),
    "sign": lambda rank: c.GatherExchange(c.Sign()),
    "qsgd": lambda rank: c.GatherExchange(c.QSGD(4, dice(rank)), feedback=False),
    "ternary": lambda rank: c.GatherExchange(c.Ternary(dice(rank)), feedback=False),
    "majority": lambda rank: c.MajorityVote(),
    "bf16": lambda rank: c.RingExchange(c.Half()),
    "fp8": lambda rank: c.RingExchange(c.FP8()),
    "dgc": lambda rank: c.DGC(0.1),
    "one_bit": lambda rank: c.OneBitExchange(64),
}


def formula(name, n, p):
    """Return the bytes that each of p ranks sends for n float32."""
    gathered = {
        "top_k": c.top_k_bytes(n, 0.1),
        "dgc": c.top_k_bytes(n, 0.1),
        "random_k": c.random_k_bytes(n, 0.2),
        "sign": c.sign_bytes(n),
        "qsgd": c.qsgd_bytes(n, 4),
        "ternary": c.ternary_bytes(n),
    }
    if name in gathered:
        return [(p - 1) * gathered[name]] * p
    return {
        "majority": lambda: c.majority_bytes(n, p),
        "bf16": lambda: c.ring_bytes(n, p, c.Half()),
        "fp8": lambda: c.ring_bytes(n, p, c.FP8()),
        "one_bit": lambda: c.one_bit_exchange_bytes(n, p, 64),
    }[name]()


def once(comm, name, n):
    grads = dice(comm.rank).normal(size=n).astype(np.float32)
    return EXCHANGES[name](comm.rank)(grads, comm)


@pytest.mark.parametrize("name", EXCHANGES)
@pytest.mark.parametrize("p", [1, 2, 3, 5])
@pytest.mark.parametrize("n", [0, 1, 4, 33, 1000])
def test_all_ranks_leave_with_the_same_bits_for_the_formulas_bytes(name, p, n):
    out = simulate(once, p, (name, n))
    assert out.trace.bytes_sent.tolist() == formula(name, n, p)
    for got in out.results:
        assert (got.shape, got.dtype) == ((n,), np.float32)
        np.testing.assert_array_equal(got, out.results[0])


def several(comm, n):
    return [once(comm, name, n) for name in EXCHANGES]


@pytest.mark.mpi
@pytest.mark.xdist_group("mpi")
def test_real_processes_exchange_the_same_bits_and_bytes_as_simulated_ones():
    real, virtual = run(several, 3, (1000,)), simulate(several, 3, (1000,))
    np.testing.assert_array_equal(real.trace.bytes_sent, virtual.trace.bytes_sent)
    expected = np.sum([formula(name, 1000, 3) for name in EXCHANGES], axis=0)
    np.testing.assert_array_equal(real.trace.bytes_sent, expected)
    for ours, theirs in zip(real.results, virtual.results, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(a, b)


def test_the_majority_decides_and_a_tie_is_plus():
    votes = np.array([[1, -1, -1, 0, -2], [1, -1, 3, -1, 5], [-9, -1, 2, -1, -1.0]])
    for p, expected in ((3, [1, -1, 1, -1, -1]), (2, [1, -1, 1, 1, 1])):
        out = simulate(lambda comm: c.MajorityVote()(votes[comm.rank], comm), p)
        np.testing.assert_array_equal(out.results[0], expected)


def test_16_bits_in_the_ring_are_off_by_one_rounding_a_hop():
    """p roundings of partial sums below 5 in size: each by at most 5 * 2**-11."""
    grads = dice().uniform(-1, 1, (5, 333))
    got = simulate(lambda comm: c.RingExchange(c.Half(FP16))(grads[comm.rank], comm), 5).results[0]
    off = np.abs(got - grads.sum(axis=0)).max()
    assert 1e-5 < off <= 5 * 5 * 2**-11


def bits(comm, grads, kwargs, flush=False):
    exchange = c.OneBitExchange(16, **kwargs)
    out = [exchange(g[comm.rank].copy(), comm) for g in grads]
    return [*out, exchange.flush(comm, grads[0, 0])] if flush else out


@pytest.mark.parametrize("p", [1, 2, 3])
def test_double_buffering_tells_the_same_sums_one_call_later(p):
    grads = dice().normal(size=(5, p, 100))
    at_once = simulate(bits, p, (grads, {})).results
    later = simulate(bits, p, (grads, {"delayed": True}, True)).results
    for a, b in zip(at_once, later, strict=True):
        np.testing.assert_array_equal(b[0], np.zeros(100))
        np.testing.assert_array_equal(b[1:], a)


def test_an_exchange_under_way_has_no_state_yet():
    def program(comm):
        exchange = c.OneBitExchange(delayed=True)
        exchange(np.ones(10), comm)
        with pytest.raises(RuntimeError, match="flush"):
            exchange.state()
        exchange.flush(comm, np.ones(10))
        return exchange.state()

    assert simulate(program, 2).results[0]["calls"] == 1


def test_warm_up_adds_floats_and_leaves_the_residuals_alone():
    grads = dice().normal(size=(4, 3, 100))

    def program(comm):
        exchange = c.OneBitExchange(16, warm_up=3)
        sums = [exchange(g[comm.rank], comm) for g in grads[:3]]
        assert exchange.worker is None
        exact = [ring_allreduce(g[comm.rank], comm) for g in grads[:3]]
        np.testing.assert_array_equal(sums, exact)
        return exchange(grads[3, comm.rank], comm)

    got = simulate(program, 3).results[0]
    assert len(np.unique(got)) <= 2 * 7  # two means a column


def test_the_columns_of_a_model_are_those_of_its_matrices():
    model = mlp((3, 4, 2), dice())
    lengths, order = c.columns_of(model)
    assert lengths.tolist() == [3] * 4 + [4] + [4] * 2 + [2]
    assert c.shapes_of(model) == [(3, 4), (4,), (4, 2), (2,)]
    model.grads[:] = np.arange(model.grads.size)
    columns = np.split(model.grads[order], np.cumsum(lengths)[:-1])
    np.testing.assert_array_equal(columns[1], model.layers[0].dW[:, 1])
    np.testing.assert_array_equal(columns[6], model.layers[2].dW[:, 1])
    total = simulate(lambda comm: c.OneBitExchange(lengths, order)(model.grads, comm), 2).results[0]
    np.testing.assert_allclose(total[order][:3], 2 * model.layers[0].dW[:, 0].mean(), rtol=1e-6)


SHAPES = [(30, 20), (20,), (20, 4), (2, 2), (0, 3)]


@pytest.mark.parametrize("allreduce", [ring_allreduce, rabenseifner_allreduce])
@pytest.mark.parametrize("p", [1, 2, 3])
def test_power_sgd_telescopes_keeps_low_rank_exactly_and_costs_its_formula(allreduce, p):
    d = 30 * 20 + 20 + 20 * 4 + 4
    grads = dice().normal(size=(5, p, d))

    def program(comm):
        exchange = c.PowerSGD(SHAPES, 2, dice(7), allreduce)
        return [exchange(g[comm.rank], comm) for g in grads], exchange.state()

    out = simulate(program, p)
    told = out.results[0][0]
    owed = sum(state["residual"] for _, state in out.results)
    np.testing.assert_allclose(grads.sum(axis=(0, 1)) - sum(told), owed, rtol=0, atol=1e-11)
    np.testing.assert_allclose(told[0][600:620], grads[0].sum(axis=0)[600:620], atol=1e-12)
    assert np.linalg.matrix_rank(told[0][:600].reshape(30, 20)) == 2
    first, second = c.low_rank_floats(SHAPES, 2)
    assert (first, second) == (2 * 30 + 20 + 2 * 20 + 4, 2 * 20 + 2 * 4)
    if allreduce is ring_allreduce:
        assert sum(out.trace.bytes_sent) == 5 * 2 * (p - 1) * 8 * (first + second)


def test_power_sgd_finds_a_matrix_of_its_rank_and_warm_start_finds_the_best():
    u, s, v = np.linalg.svd(dice().normal(size=(30, 20)))
    s[2:] *= 0.5
    matrix = (u[:, :20] * s) @ v

    def program(comm):
        exchange = c.PowerSGD([(30, 20)], 2, dice(7), feedback=False)
        low = (u[:, :2] * s[:2]) @ v[:2]
        np.testing.assert_allclose(exchange(low.ravel(), comm), low.ravel(), atol=1e-12)
        exchange = c.PowerSGD([(30, 20)], 2, dice(7), feedback=False)
        off = [matrix - exchange(matrix.ravel(), comm).reshape(30, 20) for _ in range(40)]
        return np.linalg.norm(off[0]), np.linalg.norm(off[-1])

    first, last = simulate(program, 1).results[0]
    best = np.linalg.norm(s[2:])
    assert first > 1.02 * best
    assert best <= last <= best * (1 + 1e-6)


def test_dgc_tells_the_whole_momentum_of_what_it_sends_and_masks_it():
    g = np.array([1.0, 10, 2, 3])

    def program(comm):
        exchange = c.DGC(0.25, mu=0.5)
        return [exchange(g, comm) for _ in range(3)]

    first, second, third = simulate(program, 1).results[0]
    np.testing.assert_array_equal(first, [0, 10, 0, 0])
    np.testing.assert_array_equal(second, [0, 10, 0, 0])  # 15 without the mask
    np.testing.assert_array_equal(third, [0, 0, 0, 3 + 4.5 + 5.25])
    long = np.full(4, 50.0)
    np.testing.assert_allclose(np.linalg.norm(c.clipped(long, 8.0, 4)), 4)
    np.testing.assert_array_equal(c.clipped(g, 1e9, 4), g)
    shares = [c.warm_up_share(step, 10) for step in range(0, 60, 10)]
    assert shares == [0.25, 0.0625, 0.015625, 0.004, 0.001, 0.001]


def test_one_bit_adam_is_adam_until_its_warm_up_ends():
    grads = dice().normal(size=(8, 2, 40))

    def program(comm):
        w, w2 = np.zeros(40), np.zeros(40)
        ours, theirs = c.OneBitAdam(w, warm_up=4), Adam(w2)
        for t, g in enumerate(grads):
            ours.step(ours.exchange(g[comm.rank], comm), 0.01)
            theirs.step(grads[t].sum(axis=0), 0.01)
            if t == 3:
                np.testing.assert_allclose(w, w2, rtol=1e-12)
                frozen = ours.v.copy()
        np.testing.assert_array_equal(ours.v, frozen)
        return w, w2

    out = simulate(program, 2)
    np.testing.assert_array_equal(out.results[0][0], out.results[1][0])
    w, adams = out.results[0]
    assert not np.array_equal(w, adams)
    assert w @ adams > 0.8 * np.linalg.norm(w) * np.linalg.norm(adams)


def trained(comm, data, kind, updates):
    """Return the share of held-back digits that are read rightly, and whether replicas agree."""
    model = mlp((data.x.shape[1], 32, 10), dice(1))
    exchange = {
        "float": lambda: ring_allreduce,
        "bits": lambda: c.OneBitExchange(*c.columns_of(model), warm_up=20),
        "deaf": lambda: c.OneBitExchange(*c.columns_of(model), warm_up=20, feedback=False),
    }[kind]()
    for _ in descend_together(model, data.x, data.y, 60, updates, 0.2, comm, dice(2), exchange):
        pass
    return (model.predict(data.x_test) == data.y_test).mean(), replicas_agree(model.params, comm)


@pytest.mark.mpi
@pytest.mark.xdist_group("mpi")
def test_two_real_ranks_read_digits_with_one_bit_as_well_as_with_floats():
    data = mnist5k(dice(), test=2000)
    floats, together = run(trained, 2, (data, "float", 300)).results[0]
    one_bit, agree = run(trained, 2, (data, "bits", 300)).results[0]
    assert together
    assert agree
    assert floats > 0.9
    assert one_bit >= floats - 0.005


def test_four_simulated_ranks_need_feedback():
    read = {
        kind: simulate(trained, 4, (digits(dice()), kind, 150)).results[0][0]
        for kind in ("float", "bits", "deaf")
    }
    assert read["bits"] > read["float"] - 0.02
    assert read["deaf"] < read["float"] - 0.03
