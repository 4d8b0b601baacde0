"""A training that was cut off and goes on from a file ends as one that was not, to the bit."""

import math

import numpy as np
import pytest

from dlpar import simulate
from dlpar.nn import mlp
from dlpar.optim import SGD, Adagrad, Adam, Momentum, PolyakMomentum
from dlpar.parameter_server import (
    Patience,
    ReliableClient,
    ReliableShard,
    breaches,
    even_shards,
    learn,
    load_shard,
    memory_of,
    save_shard,
    serve_reliably,
)
from dlpar.parameter_server.server import PUSH
from dlpar.world import Faults, Kill, Network, Reorder, work
from dlpar.world import clock as clock_of

CLOCKS = 6
NET = Network(alpha=1e-5, beta=0.0, eager_limit=math.inf)
PATIENCE = Patience(seconds=0.01, tries=10)
RNG = np.random.default_rng(3)
X, Y = RNG.normal(size=(60, 5)), RNG.integers(0, 3, 60)


def train(comm, path, staleness, optimizer):
    model, workers = mlp((5, 7, 3), np.random.default_rng(0), dtype=np.float64), range(1, comm.size)
    if comm.rank == 0:
        weights = model.params.copy()
        rule = optimizer(weights)
        shard = ReliableShard(weights, workers, staleness, lambda g: rule.step(g, 0.1))
        if path.exists():
            load_shard(path, shard, rule)
        history = serve_reliably(
            comm, shard, PATIENCE, changed=lambda shard: save_shard(path, shard, rule)
        )
        return weights, history
    shards = even_shards(model.params.size, 1)
    client = ReliableClient(comm, shards, workers, np.float64, PATIENCE)
    client.join()
    share = comm.rank - 1, len(workers)
    rng = np.random.default_rng(1)
    learn(client, model, X, Y, 30, CLOCKS, rng, share, lambda worker, clock: 0.01 * (worker + 1))
    client.done()
    return client.reads


OPTIMIZERS = [SGD, Momentum, PolyakMomentum, Adagrad, Adam]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_cut_off_at_any_time_and_resumed_it_ends_with_the_same_bits(optimizer, tmp_path):
    whole = simulate(train, 4, (tmp_path / "whole", 0, optimizer), NET, 20).results[0]
    assert [one.clock for one in whole[1]] == [c for c in range(CLOCKS) for _ in range(3)]
    for k, at in enumerate((0.005, 0.04, 0.07, 0.12, 0.17)):
        args = (tmp_path / f"{k}", 0, optimizer)
        cut = Faults([Kill(rank, at=at) for rank in range(4)])
        assert simulate(train, 4, args, NET, 20, faults=cut).results == [None] * 4
        weights, history = simulate(train, 4, args, NET, 20).results[0]
        np.testing.assert_array_equal(weights, whole[0])
        assert history == whole[1]
    assert [file.name for file in sorted(tmp_path.iterdir())] == ["0", "1", "2", "3", "4", "whole"]


@pytest.mark.parametrize("staleness", [1, math.inf])
def test_cut_off_under_a_staleness_nothing_is_lost_and_the_bound_is_kept(staleness, tmp_path):
    args = (tmp_path / "file", staleness, Momentum)
    cut = Faults([Kill(rank, at=0.045) for rank in range(4)])
    simulate(train, 4, args, NET, 20, faults=cut)
    (_, history), *reads = simulate(train, 4, args, NET, 20).results
    assert len(history) == 3 * CLOCKS
    assert breaches([read for of in reads for read in of], history, staleness) == []


@pytest.mark.parametrize("staleness", [0, 1, math.inf])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_with_the_same_schedule_any_staleness_ends_with_the_same_bits(
    staleness, optimizer, tmp_path
):
    rng = np.random.default_rng(8)
    order = [w for w, c in sorted(((w, c) for w in (1, 2) for c in range(5)), key=lambda p: p[1])]
    pushes = [(w, order[:i].count(w), rng.normal(size=4)) for i, w in enumerate(order)]

    def fresh():
        weights = np.ones(4)
        rule = optimizer(weights)
        return ReliableShard(weights, [1, 2], staleness, lambda g: rule.step(g, 0.1)), rule

    whole, _ = fresh()
    for worker, clock, gradient in pushes:
        whole.push(worker, clock, 0, gradient)
    for cut in range(len(pushes) + 1):  # an odd one leaves a gradient held back
        before, rule = fresh()
        for worker, clock, gradient in pushes[:cut]:
            before.push(worker, clock, 0, gradient)
        assert len(before.held) == (cut % 2 if staleness == 0 else 0)
        save_shard(tmp_path / "state", before, rule)
        after, rule = fresh()
        load_shard(tmp_path / "state", after, rule)
        for worker, clock, gradient in pushes[cut:]:
            after.push(worker, clock, 0, gradient)
        np.testing.assert_array_equal(after.weights, whole.weights)
        assert after.history == whole.history


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    weights = np.zeros(3)
    rule, path = SGD(weights), tmp_path / "state"
    shard = ReliableShard(weights, [1], 0, lambda g: rule.step(g, 1.0))
    save_shard(path, shard, rule)
    old = path.read_bytes()
    weights += 1

    def fails(file, **state):
        file.write(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(np, "savez", fails)
    with pytest.raises(OSError, match="no space left"):
        save_shard(path, shard, rule)
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_of_other_weights_is_refused(tmp_path):
    for size, dtype in ((3, np.float64), (4, np.float32)):
        weights, others = np.zeros(4), np.zeros(size, dtype)
        save_shard(tmp_path / "x", ReliableShard(others, [1], 0, None), SGD(others))
        with pytest.raises(ValueError, match="4 of float64"):
            load_shard(tmp_path / "x", ReliableShard(weights, [1], 0, None), SGD(weights))


def test_what_an_optimiser_remembers_is_what_its_docstring_lists():
    names = [set(memory_of(optimizer(np.zeros(2)))) for optimizer in OPTIMIZERS]
    arrays = [set(), {"v"}, {"v"}, {"squares"}, {"m", "v", "t"}]
    assert all(listed <= kept for listed, kept in zip(arrays, names, strict=True))
    assert all("params" not in kept for kept in names)


def test_what_is_acknowledged_is_on_the_disk():
    def program(comm):
        if comm.rank == 0:
            shard = ReliableShard(np.zeros(2), [1], 1, lambda g: None)
            return serve_reliably(
                comm, shard, PATIENCE, changed=lambda shard: work(comm, seconds=1)
            )
        client = ReliableClient(comm, even_shards(2, 1), [1], float, Patience(3.0))
        client.push(np.ones(2))
        client.pull(np.empty(2))
        acknowledged = clock_of(comm)
        client.done()
        return acknowledged

    late = Faults([Reorder(tag=PUSH)])  # the push finds the pull waiting
    assert simulate(program, 2, (), NET, 20, faults=late).results[1] > 1
