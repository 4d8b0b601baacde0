"""The server in shared memory: to the bit what the server of messages computes, and no copies."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlpar import run, simulate
from dlpar.collectives import SharedVectors
from dlpar.nn import mlp
from dlpar.optim import SGD, Adagrad, Momentum
from dlpar.parameter_server import (
    Client,
    SharedClient,
    breaches,
    even_shards,
    serve,
    serve_shared,
)
from dlpar.parameter_server.server import PUSH
from dlpar.world import work

SIZES = (5, 7, 3)
RNG = np.random.default_rng(3)
X, Y = RNG.normal(size=(60, SIZES[0])), RNG.integers(0, SIZES[-1], 60)


def fresh():
    return mlp(SIZES, np.random.default_rng(0), dtype=np.float64)


def learn(comm, client, model, clocks, speeds=None):
    """Pull, compute on examples of this worker and clock, push; return the reads."""
    for clock in range(clocks):
        client.pull(model.params)
        some = np.random.default_rng([comm.rank, clock]).integers(0, len(X), 10)
        model.loss_and_grad(X[some], Y[some], 1 / 3)
        if speeds is not None:
            work(comm, seconds=speeds[comm.rank - 1][clock])
        client.push(model.grads)
    client.done()
    return client.reads


def by_messages(comm, clocks, optimizer=SGD, speeds=None):
    model, workers = fresh(), range(1, comm.size)
    if comm.rank == 0:
        rule = optimizer(model.params)
        history = serve(comm, model.params, workers, 0, lambda g: rule.step(g, 0.2))
        return model.params, history
    client = Client(comm, even_shards(model.params.size, 1), workers, np.float64)
    return learn(comm, client, model, clocks[comm.rank - 1], speeds)


def by_memory(comm, clocks, optimizer=SGD, speeds=None, copies=False):
    model, workers = fresh(), range(1, comm.size)
    shared = SharedVectors(comm, model.params.size, np.float64)
    if comm.rank == 0:
        shared.mine[:] = model.params
        rule = optimizer(shared.mine)
        history = serve_shared(comm, shared, workers, lambda g: rule.step(g, 0.2))
        return shared.mine.copy(), history
    client = SharedClient(comm, shared, 0, workers)
    if not copies:
        model.live_in(client.weights, client.grads)
    return learn(comm, client, model, clocks[comm.rank - 1], speeds)


def assert_same(ours, theirs):
    assert ours[0][0].tobytes() == theirs[0][0].tobytes()
    assert ours[0][1] == theirs[0][1]  # in which order what was applied
    assert ours[1:] == theirs[1:]  # what each read contained
    for reads in ours[1:]:
        assert breaches(reads, ours[0][1], 0) == []


@settings(deadline=None, max_examples=20)
@given(
    workers=st.integers(1, 3),
    seed=st.integers(0, 99),
    optimizer=st.sampled_from([SGD, Momentum, Adagrad]),
    copies=st.booleans(),
)
def test_weights_history_and_reads_are_those_of_the_server_of_messages(
    workers, seed, optimizer, copies
):
    speeds = np.random.default_rng(seed).exponential(1.0, (workers, 5))
    clocks = [5] * workers
    ours = simulate(by_memory, 1 + workers, (clocks, optimizer, speeds, copies)).results
    theirs = simulate(by_messages, 1 + workers, (clocks, optimizer, speeds)).results
    assert_same(ours, theirs)


def test_who_leaves_early_is_not_waited_for():
    clocks = [6, 2, 4]
    ours = simulate(by_memory, 4, (clocks,)).results
    assert len(ours[0][1]) == sum(clocks)
    np.testing.assert_array_equal(ours[0][0], simulate(by_messages, 4, (clocks,)).results[0][0])


@pytest.mark.mpi
@pytest.mark.xdist_group("mpi")
@pytest.mark.parametrize("copies", [False, True])
def test_real_processes_compute_the_same_bits(copies):
    clocks = [12] * 3
    ours = run(by_memory, 4, (clocks, Momentum, None, copies)).results
    assert_same(ours, simulate(by_messages, 4, (clocks, Momentum)).results)


def test_no_message_carries_an_element():
    out = simulate(by_memory, 4, ([3] * 3,))
    assert max(m.nbytes for m in out.trace.messages if m.tag == PUSH) == 16
    pulls = [m.nbytes for m in out.trace.messages if m.tag not in (0, PUSH)]
    assert max(pulls) <= 8 * (1 + 3)


def test_a_push_needs_a_pull_since_the_last_one():
    def program(comm):
        shared = SharedVectors(comm, 4, np.float32)
        if comm.rank == 0:
            return len(serve_shared(comm, shared, [1], lambda g: None))
        client = SharedClient(comm, shared, 0, [1])
        with pytest.raises(ValueError, match="pull before it"):
            client.push(client.grads)
        client.pull(client.weights)
        client.push(client.grads)
        with pytest.raises(ValueError, match="pull before it"):
            client.push(client.grads)
        client.done()
        return client.clock

    assert simulate(program, 2).results == [1, 1]


def test_a_gradient_that_comes_twice_is_applied_once_and_a_lost_one_is_an_error():
    def program(comm, clocks):
        shared = SharedVectors(comm, 2, np.float64)
        if comm.rank == 0:
            update = shared.mine.__isub__
            serve_shared(comm, shared, [1], update)
            return shared.mine.tolist()
        shared.mine[:] = 1, 2
        client = SharedClient(comm, shared, 0, [1])
        for clock in clocks:
            comm.Send(np.array([clock, 0]), dest=0, tag=PUSH)
        client.done()
        return None

    assert simulate(program, 2, ([0, 0, 1],)).results[0] == [-2, -4]
    with pytest.raises(ValueError, match="clock 1 where 0 was due"):
        simulate(program, 2, ([1],))


def test_workers_cannot_write_the_weights():
    def program(comm):
        shared = SharedVectors(comm, 4, np.float32)
        if comm.rank == 0:
            return serve_shared(comm, shared, [1], lambda g: None)
        client = SharedClient(comm, shared, 0, [1])
        with pytest.raises(ValueError, match="read-only"):
            client.weights[0] = 1
        client.done()
        return client.reads

    assert simulate(program, 2).results == [[], []]
