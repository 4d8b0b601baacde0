"""Workers that die, are late, and come: the others go on, and every read keeps the bound."""

import math

import numpy as np
import pytest

from dlpar import simulate
from dlpar.parameter_server import (
    Patience,
    ReliableClient,
    ReliableShard,
    breaches,
    even_shards,
    serve_reliably,
)
from dlpar.parameter_server.reliable import JOIN
from dlpar.world import Drop, Duplicate, Faults, Kill, Network, Reorder, work

N, CLOCKS = 6, 8
NET = Network(alpha=1e-5, beta=0.0, eager_limit=math.inf)
PATIENCE = Patience(seconds=0.005, tries=20, limit=0.2)


def train(comm, servers, staleness, absent=(), naps=()):
    """Push ones, CLOCKS times; `absent` come after 0.1 s; `naps`: (rank, clock, s)."""
    workers, shards = range(servers, comm.size), even_shards(N, servers)
    if comm.rank < servers:
        weights = np.zeros(N // servers)
        shard = ReliableShard(
            weights, workers, staleness, lambda g: weights.__iadd__(g), absent=absent
        )
        history = serve_reliably(comm, shard, PATIENCE)
        return weights, history, shard.joined, shard.dropped
    client = ReliableClient(comm, shards, workers, float, PATIENCE)
    if comm.rank in absent:
        work(comm, seconds=0.1)
        client.join()
    w, began = np.empty(N), client.clock
    for c in range(began, CLOCKS + began if comm.rank in absent else CLOCKS):
        client.pull(w)
        work(comm, seconds=0.02)
        for rank, clock, seconds in naps:
            if (rank, clock) == (comm.rank, c):
                work(comm, seconds=seconds)
        client.push(np.ones(N))
    client.done()
    return began, client.reads


def reads_of(out, server, workers):
    return [read for r in workers for read in out.results[r][1] if read.server == server]


@pytest.mark.parametrize("staleness", [0, 1, 3])
@pytest.mark.parametrize("at", [0.0, 0.03, 0.09])
def test_a_worker_that_dies_holds_the_others_up_for_the_limit_only(staleness, at):
    out = simulate(train, 4, (1, staleness), NET, 20, faults=Faults([Kill(2, at=at)]))
    _, history, _, dropped = out.results[0]
    assert list(dropped) == [2]
    reads = reads_of(out, 0, (1, 3))
    assert len(reads) == 2 * CLOCKS
    assert breaches(reads, history, staleness) == []
    assert [sum(one.worker == r for one in history) for r in (1, 3)] == [CLOCKS, CLOCKS]


def test_a_worker_that_sleeps_over_the_limit_is_told_that_it_was_dropped():
    with pytest.raises(ConnectionError, match="server 0 dropped worker 2"):
        simulate(train, 3, (1, 1, (), [(2, 3, 0.3)]), NET, 20)


@pytest.mark.parametrize("staleness", [0, 1, 3, math.inf])
@pytest.mark.parametrize("servers", [1, 2])
def test_a_new_worker_joins_at_the_clock_of_the_foremost(staleness, servers):
    last = servers + 2
    out = simulate(train, servers + 3, (servers, staleness, (last,)), NET, 20)
    began = out.results[last][0]
    assert 3 <= began <= 6  # a clock takes 0.02 s, and it came after 0.1 s
    for k in range(servers):
        weights, history, joined, _ = out.results[k]
        assert joined == {last: began}
        reads = reads_of(out, k, range(servers, servers + 3))
        assert breaches(reads, history, staleness, joined) == []
        assert sum(one.worker == last for one in history) == CLOCKS
        np.testing.assert_array_equal(weights, 3 * CLOCKS)


@pytest.mark.parametrize("seed", range(6))
def test_it_joins_in_a_storm_too(seed):
    storm = [kind(probability=0.2) for kind in (Drop, Duplicate, Reorder)]
    faults = Faults(storm, rng=np.random.default_rng(seed))
    out = simulate(train, 5, (2, seed % 3, (4,)), NET, 20, faults=faults)
    for k in range(2):
        _, history, joined, dropped = out.results[k]
        assert list(joined) == [4]
        assert not dropped
        assert breaches(reads_of(out, k, (2, 3, 4)), history, seed % 3, joined) == []
        assert len(history) == 3 * CLOCKS


def test_one_that_was_dropped_may_come_back():
    def program(comm):
        if comm.rank == 0:
            weights = np.zeros(N)
            shard = ReliableShard(weights, [1, 2], 0, lambda g: weights.__iadd__(g))
            serve_reliably(comm, shard, PATIENCE)
            return weights, shard.joined, shard.dropped
        client = ReliableClient(comm, even_shards(N, 1), [1, 2], float, PATIENCE)
        w = np.empty(N)
        for c in range(CLOCKS):
            client.pull(w)
            work(comm, seconds=0.1)
            client.push(np.ones(N))
            if comm.rank == 2 and c == 1:
                work(comm, seconds=0.6)
                with pytest.raises(ConnectionError):
                    client.pull(w)
                client.join()
        client.done()
        return client.clock

    (weights, joined, dropped), alone, back = simulate(program, 3, (), NET, 20).results
    assert alone == CLOCKS
    assert joined == {2: back - CLOCKS + 2}
    assert not dropped
    np.testing.assert_array_equal(weights, 2 * CLOCKS)


@pytest.mark.parametrize("staleness", [0, 1, 3])
def test_servers_that_hear_of_it_at_different_clocks_agree_on_its_first(staleness):
    # Server 0 hears of rank 4 some 0.08 s, up to four clocks, after server 1.
    late = [Drop(source=4, dest=0, tag=JOIN, nth=n) for n in range(1, 17)]
    out = simulate(train, 5, (2, staleness, (4,)), NET, 20, faults=Faults(late))
    for k in range(2):
        _, history, joined, _ = out.results[k]
        assert joined == {4: out.results[4][0]}
        assert breaches(reads_of(out, k, (2, 3, 4)), history, staleness, joined) == []
        assert len(history) == 3 * CLOCKS


@pytest.mark.parametrize("staleness", [0, 2])
def test_who_has_the_log_has_the_shard(staleness):
    def fresh():
        weights = np.zeros(2)
        return ReliableShard(weights, [1, 2, 3], staleness, lambda g: weights.__iadd__(g), [3])

    log, one, other = [], fresh(), fresh()
    one.replicate = log.append
    for worker, clock in ((1, 0), (2, 0), (1, 1)):
        one.push(worker, clock, 0, np.full(2, worker))
    one.join(3, 0)
    one.leave(2, dropped=True)
    one.push(3, 2, 0, np.full(2, 3.0))
    one.leave(1)
    for entry in log:
        for _ in range(2):
            other.replay(entry)
    np.testing.assert_array_equal(one.weights, [7, 7])
    for part in ("weights", "included", "pushed", "at_work", "joined", "dropped", "history"):
        np.testing.assert_equal(getattr(other, part), getattr(one, part))
    with pytest.raises(ValueError, match="one was lost"):
        fresh().replay(log[1])
