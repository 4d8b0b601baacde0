"""How many servers? The formula against runs: within a fifth, and as good a choice."""

import math

import numpy as np
import pytest

from dlpar import simulate
from dlpar.parameter_server import Client, best_servers, even_shards, serve, servers_seconds
from dlpar.parameter_server.shards import shard_size
from dlpar.world import Network


def rounds(comm, servers, n, clocks):
    workers, shards = range(servers, comm.size), even_shards(n, servers)
    if comm.rank < servers:
        weights = np.zeros(shard_size(shards[comm.rank]), np.float32)
        serve(comm, weights, workers, 0, weights.__iadd__)
        return
    client, vector = Client(comm, shards, workers, np.float32), np.empty(n, np.float32)
    for _ in range(clocks):
        client.pull(vector)
        client.push(vector)
    client.done()


@pytest.mark.parametrize("workers", [4, 8, 16])
@pytest.mark.parametrize("n", [2_500, 25_000])
@pytest.mark.parametrize(("alpha", "overhead"), [(5e-4, 0.0), (0.0, 1e-4), (5e-5, 3e-5)])
def test_the_formula_meets_the_runs(workers, n, alpha, overhead):
    net = Network(alpha=alpha, beta=1e-8, overhead=overhead, eager_limit=math.inf)
    found = {}
    for servers in sorted({1, 2, 4, 8, workers}):
        few, many = (simulate(rounds, servers + workers, (servers, n, c), net) for c in (1, 4))
        found[servers] = (many.time - few.time) / 3
        formula = servers_seconds(4 * n, workers, servers, net)
        assert found[servers] == pytest.approx(formula, rel=0.2)
    tried = [s for s in found if s <= workers]
    chosen = min(tried, key=lambda s: servers_seconds(4 * n, workers, s, net))
    assert found[chosen] <= 1.1 * min(found[s] for s in tried)


def test_the_best_number_lies_inside_when_messages_cost_their_sender():
    net = Network(alpha=5e-5, beta=1e-8, overhead=1e-4, eager_limit=math.inf)
    assert 1 < best_servers(100_000, 16, net) < 16
    assert best_servers(100_000, 16, Network(alpha=5e-5, beta=1e-8)) == 16
