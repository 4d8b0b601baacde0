"""A worker's cache: what it reads has all its own updates, and the others' up to the bound."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlpar import simulate
from dlpar.parameter_server import (
    Cache,
    Client,
    Patience,
    ReliableClient,
    ReliableShard,
    even_shards,
    serve,
    serve_reliably,
)
from dlpar.parameter_server.server import PULL
from dlpar.world import Drop, Duplicate, Faults, Network, Reorder, work

NET = Network(alpha=1e-6, beta=0.0, eager_limit=math.inf)
CLOCKS = 10
PATIENCE = Patience(seconds=0.02, tries=40)


def count_all(comm, servers, staleness, pace, reliable):
    """Worker i adds 1 to weight i at every clock, so what it reads tells whose updates it sees."""
    workers, shards = range(servers, comm.size), even_shards(comm.size - servers, servers)
    if comm.rank < servers:
        part = shards[comm.rank][0]
        weights = np.zeros(part.stop - part.start)
        if not reliable:
            serve(comm, weights, workers, staleness, weights.__iadd__)
        else:
            shard = ReliableShard(weights, workers, staleness, weights.__iadd__)
            serve_reliably(comm, shard, PATIENCE)
        return weights
    more = (PATIENCE,) if reliable else ()
    client = (ReliableClient if reliable else Client)(comm, shards, workers, float, *more)
    cache, seen, number = Cache(client, np.empty(len(workers)), staleness), [], comm.rank - servers
    for clock in range(CLOCKS):
        seen.append(cache.read().copy())
        work(comm, seconds=pace[number][clock])
        cache.add(np.eye(len(workers))[number])
    client.done()
    return seen


def judge(out, servers, staleness):
    for number, seen in enumerate(out.results[servers:]):
        for clock, counts in enumerate(seen):
            assert counts[number] == clock
            assert min(counts) >= clock - staleness
    assert all((weights == CLOCKS).all() for weights in out.results[:servers])


@settings(deadline=None, max_examples=25)
@given(
    workers=st.integers(1, 5),
    servers=st.integers(1, 2),
    staleness=st.sampled_from([0, 1, 2, 4, math.inf]),
    seed=st.integers(0, 99),
)
def test_a_cached_read_has_its_own_writes_and_is_within_the_bound(
    workers, servers, staleness, seed
):
    pace = np.random.default_rng(seed).exponential(0.01, (workers, CLOCKS))
    out = simulate(count_all, servers + workers, (servers, staleness, pace, False), NET, 20)
    judge(out, servers, staleness)


@pytest.mark.parametrize("seed", range(5))
def test_in_a_storm_too(seed):
    storm = [kind(probability=0.2) for kind in (Drop, Duplicate, Reorder)]
    pace = np.random.default_rng(seed).exponential(0.01, (3, CLOCKS))
    faults = Faults(storm, rng=np.random.default_rng(seed))
    out = simulate(count_all, 5, (2, seed, pace, True), NET, 20, faults=faults)
    judge(out, 2, seed)


def test_a_fresh_copy_needs_no_message():
    pulls = []
    pace = np.random.default_rng(0).uniform(0.009, 0.011, (3, CLOCKS))
    for staleness in (0, 1, 4, math.inf):
        out = simulate(count_all, 4, (1, staleness, pace, False), NET, 20)
        pulls.append(sum(m.tag == PULL for m in out.trace.messages))
    assert pulls[0] == 3 * CLOCKS  # with s = 0 a copy is good for one clock
    assert pulls[-1] == 3  # and with no bound for ever
    assert pulls == sorted(pulls, reverse=True)
    assert pulls[2] <= pulls[0] / 3


def test_alone_a_worker_pulls_once():
    out = simulate(count_all, 2, (1, 0, np.ones((1, CLOCKS)), False), NET, 20)
    assert sum(m.tag == PULL for m in out.trace.messages) == 1
    judge(out, 1, 0)
