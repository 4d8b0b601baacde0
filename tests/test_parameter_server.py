"""Parameter servers: no read is staler than the bound, the bound is reached, nothing is lost."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlpar import run, simulate
from dlpar.nn import mlp
from dlpar.optim import SGD, Adagrad, Momentum, batches
from dlpar.parameter_server import (
    assemble,
    breaches,
    even_shards,
    serve,
    tensor_shards,
    train_on_servers,
    widest_gap,
)
from dlpar.parameter_server.server import PUSH
from dlpar.world import Network

SIZES = (5, 7, 3)
RNG = np.random.default_rng(3)
X, Y = RNG.normal(size=(60, SIZES[0])), RNG.integers(0, SIZES[-1], 60)
NET = Network(alpha=1e-6, beta=0.0, eager_limit=math.inf)


def fresh():
    return mlp(SIZES, np.random.default_rng(0), dtype=np.float64)


def train(comm, clocks, servers, staleness, speeds=None, optimizer=SGD, whole_layers=False):
    model = fresh()
    shards = tensor_shards(model.parts, servers) if whole_layers else None
    seconds = None if speeds is None else lambda worker, clock: speeds[worker][clock]
    args = (X, Y, 30, clocks, 0.2, comm, np.random.default_rng(1))
    return train_on_servers(
        model, *args, servers, staleness, optimizer, shards=shards, seconds=seconds
    )


def reads_of(results, server, servers):
    return [read for worked in results[servers:] for read in worked.reads if read.server == server]


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_no_read_is_staler_than_the_bound(data):
    workers, servers = data.draw(st.integers(2, 8)), data.draw(st.integers(1, 2))
    staleness = data.draw(st.sampled_from([0, 1, 2, 4, math.inf]))
    seed = data.draw(st.integers(0, 2**32 - 1))
    speeds = np.random.default_rng(seed).exponential(1.0, (workers, 6))
    out = simulate(train, servers + workers, (6, servers, staleness, speeds), NET)
    for k in range(servers):
        reads = reads_of(out.results, k, servers)
        assert len(reads) == 6 * workers
        assert len(out.results[k].history) == 6 * workers
        assert breaches(reads, out.results[k].history, staleness) == []


@pytest.mark.parametrize("staleness", [0, 1, 2, 3])
def test_a_straggler_lets_the_others_reach_the_bound(staleness):
    speeds = np.ones((3, 9))
    speeds[2] = 10
    out = simulate(train, 4, (9, 1, staleness, speeds), NET)
    assert widest_gap(reads_of(out.results, 0, 1)) == staleness


def test_the_judge_sees_a_server_that_waits_for_one_clock_too_few():
    speeds = np.ones((3, 9))
    speeds[2] = 10
    out = simulate(train, 4, (9, 1, 3, speeds), NET)
    reads, applied = reads_of(out.results, 0, 1), out.results[0].history
    assert breaches(reads, applied, 3) == []
    assert any("were due" in said for said in breaches(reads, applied, 2))


def test_the_judge_sees_lost_repeated_and_forgotten_gradients():
    out = simulate(train, 3, (4, 1, 1), NET)
    reads, applied = reads_of(out.results, 0, 1), out.results[0].history
    assert breaches(reads, applied, 1) == []
    assert "was due" in breaches(reads, applied[1:], 1)[0]
    assert "was due" in breaches(reads, [applied[0], *applied], 1)[0]
    own = [r._replace(included={**r.included, r.worker: r.clock - 1}) for r in reads if r.clock]
    assert "own writes" in breaches(own[:1], applied, 1)[0]
    back = [reads[1], reads[0]._replace(clock=reads[1].clock)]
    assert any("than before" in said for said in breaches(back, applied, 1))


@settings(deadline=None, max_examples=20)
@given(
    workers=st.integers(1, 5),
    servers=st.integers(1, 3),
    seed=st.integers(0, 99),
    whole_layers=st.booleans(),
    optimizer=st.sampled_from([SGD, Momentum, Adagrad]),
)
def test_staleness_0_is_the_large_batch_to_the_bit_whoever_is_slow(
    workers, servers, seed, whole_layers, optimizer
):
    speeds = np.random.default_rng(seed).exponential(1.0, (workers, 5))
    args = (5, servers, 0, speeds, optimizer, whole_layers)
    out = simulate(train, servers + workers, args, NET)
    model, rng = fresh(), np.random.default_rng(1)
    shards = tensor_shards(model.parts, servers) if whole_layers else None
    got = assemble(out.results, servers, model.params, shards)
    rule = optimizer(model.params)
    drawn = [batch for _ in range(3) for batch in batches(60, 30, rng)][:5]
    for batch in drawn:
        total = np.zeros_like(model.grads)
        for mine in np.array_split(batch, workers):
            model.loss_and_grad(X[mine], Y[mine], len(mine) / 30)
            total += model.grads
        rule.step(total, 0.2)
    np.testing.assert_array_equal(got, model.params)


@pytest.mark.mpi
@pytest.mark.xdist_group("mpi")
@pytest.mark.parametrize("staleness", [0, 2, math.inf])
def test_real_processes_keep_the_bound_too(staleness):
    out = run(train, 4, (5, 1, staleness))
    reads, applied = reads_of(out.results, 0, 1), out.results[0].history
    assert len(applied) == 15
    assert breaches(reads, applied, staleness) == []
    if staleness == 0:
        virtual = simulate(train, 4, (5, 1, 0)).results[0].weights
        np.testing.assert_array_equal(out.results[0].weights, virtual)


def test_asynchronous_gradients_are_about_p_minus_1_updates_late():
    workers = 6
    speeds = np.random.default_rng(0).uniform(0.9, 1.1, (workers, 40))
    out = simulate(train, 1 + workers, (40, 1, math.inf, speeds), NET)
    late = [one.staleness for one in out.results[0].history]
    assert np.mean(late) == pytest.approx(workers - 1, abs=0.2)


def test_each_server_carries_its_share_of_the_bytes():
    workers, clocks, n = 3, 4, fresh().params.size
    for servers in (1, 2, 3):
        out = simulate(train, servers + workers, (clocks, servers, 0), NET)
        into = np.zeros(servers + workers, int)
        for m in out.trace.messages:
            into[m.dest] += m.nbytes
        sizes = [part.stop - part.start for (part,) in even_shards(n, servers)]
        heads = clocks * workers * (2 + 2) * 8  # of pushes and pulls
        assert list(into[:servers]) == [clocks * workers * 8 * size + heads for size in sizes]


@given(d=st.integers(0, 50), servers=st.integers(1, 9))
def test_even_shards_cover_the_vector_and_differ_by_one(d, servers):
    shards = even_shards(d, servers)
    assert [i for (part,) in shards for i in range(part.start, part.stop)] == list(range(d))
    sizes = [part.stop - part.start for (part,) in shards]
    assert max(sizes) - min(sizes) <= 1


def test_whole_layers_make_one_server_hot():
    model = mlp((784, 256, 128, 10), np.random.default_rng(0))
    sizes = [sum(p.stop - p.start for p in shard) for shard in tensor_shards(model.parts, 3)]
    assert sizes == [784 * 256 + 256, 256 * 128 + 128, 128 * 10 + 10]


def pushes(comm, clocks):
    if comm.rank == 0:
        total = np.zeros(2)
        history = serve(comm, total, [1], math.inf, lambda g: total.__iadd__(g))
        return total, history
    for clock in clocks:
        comm.Send(np.array([clock, 0, 1.0, 1.0]), dest=0, tag=PUSH)
    comm.Send(np.empty(0), dest=0, tag=4)
    return None


def test_a_gradient_that_comes_twice_is_applied_once():
    total, history = simulate(pushes, 2, ([0, 0, 1, 0, 1, 2],)).results[0]
    np.testing.assert_array_equal(total, [3, 3])
    assert [one.clock for one in history] == [0, 1, 2]


def test_a_gradient_that_was_lost_is_told():
    with pytest.raises(ValueError, match="worker 1 pushed clock 2 where 1 was due"):
        simulate(pushes, 2, ([0, 2],))


def test_wrong_requests_are_refused_before_any_message():
    for servers, b in ((0, 30), (3, 30), (1, 1)):
        with pytest.raises(ValueError, match="must be"):
            simulate(
                lambda comm, servers=servers, b=b: train_on_servers(
                    fresh(), X, Y, b, 1, 0.1, comm, RNG, servers
                ),
                3,
            )
    with pytest.raises(ValueError, match="staleness"):
        simulate(lambda comm: serve(comm, np.zeros(1), [], -1, None), 1)
