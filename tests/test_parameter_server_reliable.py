"""Servers that survive a bad network: what is lost, doubled or late changes no bit."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlpar import run, simulate
from dlpar.nn import mlp
from dlpar.optim import Momentum
from dlpar.parameter_server import (
    Patience,
    ReliableClient,
    ReliableShard,
    assemble,
    breaches,
    even_shards,
    learn,
    serve_reliably,
    train_on_servers,
)
from dlpar.parameter_server.shards import gather_shard, shard_size
from dlpar.parameter_server.training import Served, Worked
from dlpar.world import Drop, Duplicate, Faults, Network, Reorder

SIZES = (5, 7, 3)
RNG = np.random.default_rng(3)
X, Y = RNG.normal(size=(60, SIZES[0])), RNG.integers(0, SIZES[-1], 60)
NET = Network(alpha=1e-5, beta=0.0, eager_limit=math.inf)
PATIENT = Patience(seconds=1e-3, tries=40)


def fresh():
    return mlp(SIZES, np.random.default_rng(0), dtype=np.float64)


def seconds_of(speeds):
    return lambda worker, clock: speeds[worker][clock] if speeds is not None else 1e-3


def train(comm, clocks, servers, staleness, speeds=None, patience=PATIENT):
    model, workers = fresh(), range(servers, comm.size)
    shards = even_shards(model.params.size, servers)
    if comm.rank < servers:
        weights = np.empty(shard_size(shards[comm.rank]))
        gather_shard(model.params, shards[comm.rank], weights)
        rule = Momentum(weights)
        shard = ReliableShard(weights, workers, staleness, lambda g: rule.step(g, 0.2))
        return Served(weights, serve_reliably(comm, shard, patience))
    client = ReliableClient(comm, shards, workers, np.float64, patience)
    share = comm.rank - servers, len(workers)
    rng = np.random.default_rng(1)
    losses = learn(client, model, X, Y, 30, clocks, rng, share, seconds_of(speeds))
    client.done()
    assert client.acknowledged == [clocks] * servers
    return Worked(losses, client.reads)


def plainly(comm, clocks, servers, staleness, speeds=None):
    args = (fresh(), X, Y, 30, clocks, 0.2, comm, np.random.default_rng(1), servers, staleness)
    return train_on_servers(*args, optimizer=Momentum, seconds=seconds_of(speeds))


def reads_of(results, server, servers):
    return [read for worked in results[servers:] for read in worked.reads if read.server == server]


def storm(seed):
    plan = [kind(probability=0.2) for kind in (Drop, Duplicate, Reorder)]
    return Faults(plan, rng=np.random.default_rng(seed))


@settings(deadline=None, max_examples=10)
@given(workers=st.integers(1, 4), servers=st.integers(1, 3), seed=st.integers(0, 2**32 - 1))
def test_a_network_that_loses_doubles_and_reorders_changes_no_bit(workers, servers, seed):
    speeds = np.random.default_rng(seed).exponential(1e-3, (workers, 5))
    args = (5, servers, 0, speeds)
    calm = simulate(plainly, servers + workers, args, NET).results
    out = simulate(train, servers + workers, args, NET, 20, faults=storm(seed))
    params = fresh().params
    np.testing.assert_array_equal(
        assemble(out.results, servers, params), assemble(calm, servers, params)
    )
    for k in range(workers):
        assert out.results[servers + k].losses == calm[servers + k].losses


@settings(deadline=None, max_examples=12)
@given(data=st.data())
def test_in_the_storm_no_read_is_staler_than_the_bound_and_no_push_counts_twice(data):
    workers, servers = data.draw(st.integers(2, 5)), data.draw(st.integers(1, 2))
    staleness = data.draw(st.sampled_from([0, 1, 3, math.inf]))
    seed = data.draw(st.integers(0, 2**32 - 1))
    speeds = np.random.default_rng(seed).exponential(1e-3, (workers, 5))
    out = simulate(
        train, servers + workers, (5, servers, staleness, speeds), NET, faults=storm(seed)
    )
    for k in range(servers):
        reads, applied = reads_of(out.results, k, servers), out.results[k].history
        assert breaches(reads, applied, staleness) == []
        assert len(applied) == 5 * workers


def test_on_a_network_that_loses_nothing_no_push_is_acknowledged_by_a_message():
    # Clocks 0 .. 3 of 2 workers: a push, a pull and a reply each, and to leave: DONE and BYE.
    # What is asked of a server that must wait is heard.
    out = simulate(train, 3, (4, 1, math.inf), NET)
    assert len(out.trace.messages) == 2 * (4 * 3 + 2)
    bare = simulate(plainly, 3, (4, 1, math.inf), NET)
    assert len(out.trace.messages) == len(bare.trace.messages) + 2  # BYE


def test_a_worker_whose_server_is_gone_says_so_in_time():
    def alone(comm):
        if comm.rank == 1:
            client = ReliableClient(comm, even_shards(4, 1), [1], float, Patience(1e-3, tries=7))
            client.pull(np.zeros(4))

    with pytest.raises(TimeoutError, match="worker 1: server 0 has not answered 7 times") as caught:
        simulate(alone, 2, network=NET)
    assert "at 0.007" in caught.value.__notes__[0]


def test_a_slow_server_is_not_taken_for_dead():
    speeds = [[1e-3] * 3, [0.5] * 3]  # the first waits for 500 patiences, its limit is 4
    out = simulate(train, 3, (3, 1, 0, speeds, Patience(1e-3, tries=4)), NET)
    assert len(out.results[0].history) == 6


@pytest.mark.mpi
@pytest.mark.xdist_group("mpi")
def test_real_processes_learn_the_same_bits():
    out = run(train, 4, (4, 2, 0, None, Patience(0.05)))
    virtual = simulate(plainly, 4, (4, 2, 0), NET)
    for k in range(2):
        np.testing.assert_array_equal(out.results[k].weights, virtual.results[k].weights)


def test_what_ends_no_wait_is_refused_before_any_message():
    for patience in (Patience(0), Patience(1, 0), Patience(1, 1, 0)):
        with pytest.raises(ValueError, match="patience"):
            simulate(train, 2, (1, 1, 0, None, patience))
    with pytest.raises(ValueError, match="staleness"):
        ReliableShard(np.zeros(1), [1], -1, None)
    with pytest.raises(ValueError, match="chain"):
        simulate(lambda comm: serve_reliably(comm, None, chain=[1]), 2)
    with pytest.raises(ValueError, match="chains"):
        ReliableClient(None, even_shards(4, 2), [1], float, chains=[[0]])


def shard_of_ones(staleness):
    total = np.zeros(2)
    return ReliableShard(total, [1, 2], staleness, lambda g: total.__iadd__(g))


def test_a_pull_that_overtakes_its_push_waits_for_it():
    shard = shard_of_ones(math.inf)
    shard.pull(1, clock=1)
    assert shard.due() == []
    shard.push(1, 0, 0, np.ones(2))
    assert shard.due() == [1]


def test_an_old_pull_does_not_stand_in_for_a_new_one():
    shard = shard_of_ones(0)
    shard.push(1, 0, 0, np.ones(2))
    shard.push(2, 0, 0, np.ones(2))
    shard.pull(1, clock=1)
    shard.pull(1, clock=0)
    assert shard.due() == [1]


def test_a_push_that_comes_before_its_turn_or_again_changes_nothing():
    shard = shard_of_ones(math.inf)
    for clock in (1, 0, 2, 0, 1):
        shard.push(1, clock, 0, np.ones(2))
    np.testing.assert_array_equal(shard.weights, [2, 2])


def test_a_server_that_lost_what_it_acknowledged_says_so():
    with pytest.raises(ValueError, match="2 of its gradients are safe, 0 are here"):
        shard_of_ones(1).check(1, acknowledged=2)
