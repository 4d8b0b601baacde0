"""Bipartition: the best cut that counting finds; topology-aware: no worse than pack or spread."""

from itertools import combinations

import numpy as np
import pytest

from dlpar.scheduler import (
    Cluster,
    Counters,
    Job,
    bipartition,
    fifo,
    gpu_cluster,
    job_stream,
    map_tasks,
    pack,
    schedule,
    spread,
    spread_sockets,
    step_seconds,
    topology_aware,
)
from dlpar.world.presets import dgx1


def cut(weights, half):
    rest = [v for v in range(len(weights)) if v not in half]
    return sum(weights[a][b] for a in half for b in rest)


@pytest.mark.parametrize("seed", range(6))
def test_a_bipartition_of_two_clusters_is_the_best_of_all_cuts(seed):
    rng = np.random.default_rng(seed)
    group = rng.permutation([0, 0, 0, 0, 1, 1, 1, 1])
    weights = np.where(group[:, None] == group, 10.0, 1.0) + rng.random((8, 8))
    weights = ((weights + weights.T) / 2).tolist()
    first, second = bipartition(weights, 4)
    assert sorted(first + second) == list(range(8))
    assert len(first) == 4
    best = min(cut(weights, half) for half in combinations(range(8), 4))
    assert cut(weights, first) == pytest.approx(best)


@pytest.mark.parametrize(("n", "first"), [(1, 0), (1, 1), (2, 1), (3, 1), (5, 2)])
def test_a_bipartition_keeps_its_sizes(n, first):
    weights = np.random.default_rng(n).random((n, n))
    halves = bipartition((weights + weights.T).tolist(), first)
    assert [len(half) for half in halves] == [first, n - first]


def test_tasks_go_to_gpus_of_their_own():
    found = map_tasks(list(range(5)), list("abcdefg"), lambda a, b: 1.0, lambda a, b: 1.0)
    assert sorted(found) == list(range(5))
    assert len(set(found.values())) == 5


@pytest.mark.parametrize("k", [2, 3, 4, 8])
@pytest.mark.parametrize("cluster", [gpu_cluster(2), Cluster(dgx1())], ids=["nodes", "dgx1"])
def test_aware_of_the_topology_is_as_fast_as_the_better_of_pack_and_spread(cluster, k):
    job = Job(k, 1, 0.01, nbytes=80e6)
    gpus = topology_aware()(job, cluster.gpus, cluster)
    assert len(set(gpus)) == k
    others = [
        step_seconds(job, how(job, cluster.gpus, cluster), cluster)
        for how in (pack, spread_sockets, spread)
    ]
    assert step_seconds(job, gpus, cluster) <= 1.001 * min(others)


def test_below_the_threshold_a_job_waits_but_not_in_an_empty_cluster():
    cluster = gpu_cluster(2)
    job, broken = Job(4, 1, 0.01, nbytes=400e6), cluster.gpus[6:10]
    assert len(topology_aware()(job, broken, cluster)) == 4
    assert topology_aware(0.9)(job, broken, cluster) is None
    assert topology_aware(1.1)(job, cluster.gpus, cluster) is not None


def test_a_stream_is_done_sooner_than_with_spread():
    cluster = gpu_cluster(2)
    jobs = job_stream(40, 16, np.random.default_rng(0), load=2.0, sigma=0.5)
    ours, theirs = (schedule(jobs, cluster, fifo(p), Counters) for p in (topology_aware(), spread))
    assert ours.makespan < theirs.makespan
