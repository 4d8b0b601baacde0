"""Factors in place of gradients: the same update, to the byte by formula."""

import numpy as np
import pytest

from dlpar import run, simulate
from dlpar.data_parallel import (
    FactorExchange,
    RelayedFactors,
    descend_together,
    factor_bytes,
    relay_tree,
    replicas_agree,
)
from dlpar.nn import mlp
from dlpar.nn.layers import Linear, ReLU
from dlpar.nn.model import Model

SIZES = (7, 6, 3)
RNG = np.random.default_rng(4)
X, Y = RNG.normal(size=(48, SIZES[0])), RNG.integers(0, SIZES[-1], 48)


def fresh():
    return mlp(SIZES, np.random.default_rng(1), dtype=np.float64)


def learn(comm, b, make, updates=3):
    model = fresh()
    exchange = make(model, comm)
    rng = np.random.default_rng(2)
    list(descend_together(model, X, Y, b, updates, 0.3, comm, rng, exchange))
    return model.params.copy(), replicas_agree(model.params, comm)


def dense(model, comm):
    return lambda grads, comm: _sum(grads, comm)


def _sum(grads, comm):
    total = np.empty_like(grads)
    comm.Allreduce(grads, total)
    return total


@pytest.mark.parametrize("layers", [None, [0], [2], []])
@pytest.mark.parametrize("b", [12, 11, 2])  # equal shares, shares that differ, ranks without any
@pytest.mark.parametrize("p", [1, 3, 4])
def test_the_rebuilt_gradient_is_the_dense_sum(p, b, layers):
    expected = simulate(learn, ranks=p, args=(b, dense)).results[0][0]
    out = simulate(learn, ranks=p, args=(b, lambda m, c: FactorExchange(m, c, layers)))
    for params, agree in out.results:
        np.testing.assert_allclose(params, expected, rtol=1e-10, atol=1e-12)
        assert agree
        assert params.tobytes() == out.results[0][0].tobytes()


def test_bytes_on_the_wire_are_the_formulas():
    p, k, updates = 4, 3, 2
    out = simulate(learn, ranks=p, args=(p * k, FactorExchange, updates))
    layers = [(7, 6), (6, 3)]
    expected = updates * sum(factor_bytes(m, n, k, p, 8) for m, n in layers)
    assert out.trace.bytes_sent.tolist() == [expected] * p
    assert out.trace.messages_sent.tolist() == [updates * len(layers) * (p - 1)] * p


@pytest.mark.mpi
@pytest.mark.xdist_group("mpi")
def test_real_processes_send_the_same_bytes_and_learn_the_same():
    virtual, real = (w(learn, ranks=3, args=(11, FactorExchange)) for w in (simulate, run))
    assert real.trace.bytes_sent.tolist() == virtual.trace.bytes_sent.tolist()
    np.testing.assert_allclose(real.results[0][0], virtual.results[0][0], rtol=1e-12)


def test_the_top_layers_factors_leave_before_the_bottom_layers_backward():
    def program(comm):
        model = fresh()
        exchange = FactorExchange(model, comm)
        log = []
        send = exchange._send
        exchange._send = lambda i: (log.append(i), send(i))
        bottom = model.layers[0].backward
        model.layers[0].backward = lambda *a, **k: (log.append("backward"), bottom(*a, **k))[1]
        rng = np.random.default_rng(2)
        list(descend_together(model, X, Y, 8, 1, 0.1, comm, rng, exchange))
        return log

    assert simulate(program, ranks=2).results[0] == [2, "backward", 0]


def test_a_gradient_of_several_passes_is_refused():
    def program(comm):
        model = fresh()
        exchange = FactorExchange(model, comm)
        list(descend_together(model, X, Y, 8, 1, 0.1, comm, None, exchange, micro=2))

    with pytest.raises(ValueError, match="several"):
        simulate(program, ranks=2)


def test_layers_without_factors_are_refused():
    model = Model([Linear(2, 3, np.random.default_rng(0)), ReLU()])
    with pytest.raises(ValueError, match="only Linear"):
        simulate(lambda comm: FactorExchange(model, comm, [1]), ranks=1)


@pytest.mark.parametrize(
    ("p", "offsets", "depth"), [(5, (1,), 4), (8, (1, 2, 4), 3), (7, (1, 6), 3)]
)
def test_the_relay_reaches_every_rank_once(p, offsets, depth):
    tree = relay_tree(p, offsets)
    assert sorted(tree) == list(range(1, p))
    assert max(hops for _, hops in tree.values()) == depth
    with pytest.raises(ValueError, match="do not reach"):
        relay_tree(6, (2,))
    with pytest.raises(ValueError, match="offset"):
        relay_tree(6, (6,))


@pytest.mark.parametrize(("p", "offsets"), [(1, ()), (2, (1,)), (5, (1,)), (8, (1, 2, 4))])
def test_relayed_factors_arrive_late_and_whole(p, offsets):
    def program(comm):
        model = fresh()
        exchange = RelayedFactors(model, comm, offsets)
        total = np.zeros_like(model.grads)
        own = np.zeros_like(model.grads)
        for t in range(4):  # weights stay: what each update brings can be added up
            mine = np.arange(comm.rank, 48, comm.size)[t : t + 2]
            model.loss_and_grad(X[mine], Y[mine])
            own += model.grads
            total += exchange(model.grads, comm)
        behind = total.copy()
        total += exchange.drain()
        return total, own, behind, exchange.depth

    out = simulate(program, ranks=p)
    everything = sum(own for _, own, _, _ in out.results)
    for total, _, behind, depth in out.results:
        np.testing.assert_allclose(total, everything, rtol=1e-10, atol=1e-12)
        assert np.allclose(behind, everything) == (depth <= 1)
    sent = out.trace.messages_sent
    if p > 1:
        assert set(sent) == {4 * 2 * (p - 1)}  # each pair of each layer once to each rank in all
