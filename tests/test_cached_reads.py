"""A worker's cache: no weights in use are older than the bound, and fewer of them travel."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dlpar import simulate
from dlpar.parameter_server import Client, breaches, even_shards, serve
from dlpar.parameter_server.server import PULL
from dlpar.world import Network, work

NET = Network(alpha=1e-6, beta=0.0, eager_limit=math.inf)


def learn(comm, clocks, servers, staleness, pace):
    """Return on a server its history, on a worker its reads and what it used at each clock."""
    everybody, x = range(servers, comm.size), np.zeros(4)
    shards = even_shards(4, servers)
    if comm.rank < servers:
        weights = np.zeros(sum(part.stop - part.start for part in shards[comm.rank]))
        return serve(comm, weights, everybody, staleness, weights.__iadd__)
    client, used = Client(comm, shards, everybody, float), []
    for clock in range(clocks):
        client.refresh(x, staleness)
        used.append(min(min(read.included.values()) for read in client.reads[-servers:]))
        work(comm, seconds=pace[comm.rank - servers][clock])
        client.push(np.ones(4))
    client.done()
    return client.reads, used


@settings(deadline=None, max_examples=40)
@given(
    workers=st.integers(1, 6),
    servers=st.integers(1, 2),
    staleness=st.integers(0, 4),
    seed=st.integers(0, 99),
)
def test_what_a_worker_uses_is_never_older_than_the_bound(workers, servers, staleness, seed):
    pace = np.random.default_rng(seed).exponential(1.0, (workers, 8))
    out = simulate(learn, servers + workers, (8, servers, staleness, pace), NET)
    for _, used in out.results[servers:]:
        assert all(oldest >= clock - staleness for clock, oldest in enumerate(used))
    reads = [read for reads, _ in out.results[servers:] for read in reads if read.server == 0]
    assert breaches(reads, out.results[0], staleness) == []


def test_a_wider_bound_pulls_less_and_is_used_up():
    pace, counts = np.random.default_rng(0).uniform(0.9, 1.1, (3, 24)), []
    for staleness in (0, 1, 3, 7):
        out = simulate(learn, 4, (24, 1, staleness, pace), NET)
        counts.append(sum(message.tag == PULL for message in out.trace.messages))
        used = [oldest for _, used in out.results[1:] for oldest in used]
        clocks = 3 * list(range(24))
        assert max(c - oldest for c, oldest in zip(clocks, used, strict=True)) == staleness
    assert counts[0] == 3 * 24
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] < 3 * 24 / 4
