"""Poseidon on the layer table of its own experiment, and its choice on real gradients."""

import math

import numpy as np
import pytest

from dlpar import simulate
from dlpar.data_parallel import descend_together, factor_bytes
from dlpar.frameworks.poseidon import (
    CHUNK,
    SCHEMES,
    VGG19_22K,
    adam_elements,
    factor_elements,
    factors_are_shorter,
    hot_spot_speed_up,
    hybrid_exchange,
    plan,
    server_elements,
    speed_up,
)
from dlpar.nn import mlp

# Read from the authors' plotting script for Caffe, VGG19-22K, 40 Gb/s: s for 20 iterations.
NODES = (2, 4, 8, 16, 32)
MEASURED = {
    "Caffe + PS": (36.8, 50.3, 68.5, 105, 134),
    "Caffe + WFBP": (20.8, 22.58, 24.2, 25.6, 27.7),
    "Poseidon": (18.9, 19.3, 19.4, 19.7, 20.1),
}


def measured(name):
    return [p * 18.5 / seconds for p, seconds in zip(NODES, MEASURED[name], strict=True)]


def test_the_table_has_the_papers_parameters():
    total = sum(layer.size for layer in VGG19_22K)
    assert total == 229_052_817
    dense = sum(layer.size for layer in VGG19_22K if layer.positions == 1)
    assert 0.912 < dense / total < 0.913


@pytest.mark.parametrize(
    ("m", "n", "ranks"), [(25088, 4096, 220), (4096, 4096, 128), (4096, 1000, 50), (1024, 1000, 31)]
)
def test_the_choice_turns_where_the_formula_says(m, n, ranks):
    assert factors_are_shorter(m, n, 32, ranks)
    assert not factors_are_shorter(m, n, 32, ranks + 1)


@pytest.mark.parametrize("name", SCHEMES)
@pytest.mark.parametrize("p", [2, 5, 8])
def test_bytes_of_an_iteration_are_the_formulas(name, p):
    _, sent = speed_up(SCHEMES[name], p)
    expected = 0.0
    for layer in VGG19_22K:
        weights = server_elements(layer.m, layer.n, p) + 2 * 2 * layer.n * (p - 1) / p
        if layer.positions == 1 and name == "Poseidon":
            weights = factor_elements(layer.m, layer.n, 32, p)
        if layer.positions == 1 and name == "Adam's way":
            weights = 2 * (adam_elements(layer.m, layer.n, 32, p) + (p - 1) / p * layer.n)
        expected += 4 * weights / 2  # sent, of what is sent and received
    np.testing.assert_allclose(sent.mean(), expected, rtol=1e-6)


def test_chunks_spread_what_whole_tensors_pile_up():
    whole, chunks = (SCHEMES["Caffe + PS"]._replace(chunk=c) for c in (math.inf, CHUNK))
    loads = [sum(up for up, _ in plan(VGG19_22K, s, 32, 32)) for s in (whole, chunks)]
    assert loads[0].max() > 10 * loads[0].mean()
    assert loads[1].max() < 1.05 * loads[1].mean()
    assert loads[0].sum() == loads[1].sum()
    assert speed_up(chunks, 32)[0] > 3 * speed_up(whole, 32)[0]


def test_the_simulated_order_is_the_papers_and_its_distances_are_the_stated_ones():
    mine = {name: [speed_up(s, p)[0] for p in NODES] for name, s in SCHEMES.items()}
    plain = {
        n: [speed_up(s._replace(overlap=False), p)[0] for p in NODES] for n, s in SCHEMES.items()
    }
    for server, waitless, poseidon_, adam in zip(*mine.values(), strict=True):
        assert server < waitless < poseidon_
        assert adam < poseidon_
    # A hot spot explains the server within 26 %, and within 3 % at 32 nodes.
    np.testing.assert_allclose(mine["Caffe + PS"], measured("Caffe + PS"), rtol=0.26)
    assert mine["Caffe + PS"][-1] == pytest.approx(measured("Caffe + PS")[-1], rel=0.03)
    assert hot_spot_speed_up(32) == pytest.approx(mine["Caffe + PS"][-1], rel=0.02)
    # Hiding nothing and hiding all are the two ends; Caffe's threads hid about nothing at 32.
    assert plain["Caffe + WFBP"][-1] == pytest.approx(measured("Caffe + WFBP")[-1], rel=0.05)
    assert plain["Poseidon"][-1] < measured("Poseidon")[-1] < mine["Poseidon"][-1]


def learn(comm, make):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 30)), rng.integers(0, 4, 40)
    model = mlp((30, 20, 4), np.random.default_rng(1), dtype=np.float64)
    list(descend_together(model, x, y, 8, 4, 0.2, comm, rng, make(model, comm)))
    return model.params


def test_the_hybrid_learns_the_same_and_sends_what_is_shorter():
    k, p = 4, 2
    shorter = [factors_are_shorter(30, 20, k, p), factors_are_shorter(20, 4, k, p)]
    assert shorter == [True, False]
    out = simulate(learn, p, args=(lambda m, c: hybrid_exchange(m, c, k),))
    plain = simulate(learn, p, args=(lambda m, c: hybrid_exchange(m, c, 10**6),))
    np.testing.assert_allclose(out.results[0], plain.results[0], rtol=1e-10)
    ring = 2 * (p - 1) / p * (20 * 4 + 4) * 8
    assert set(out.trace.bytes_sent) == {4 * (factor_bytes(30, 20, k, p, 8) + ring)}
