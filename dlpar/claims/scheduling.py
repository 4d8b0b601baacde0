"""Experiments with a scheduler: what a topology-aware placement, taking turns and 2D-LAS gain."""

from functools import lru_cache

import numpy as np

from dlpar.scheduler import (
    Counters,
    consolidated,
    fewest_attained,
    fifo,
    gpu_cluster,
    job_stream,
    pack,
    profile,
    schedule,
    step_seconds,
    time_slicing,
    topology_aware,
)

SEEDS = range(1, 6)
SIZES = {1: 0.5, 2: 0.15, 4: 0.15, 8: 0.2}
JOBS, NODES = 230, 4
RESUME = 10.0  # s until a job that was stopped goes on
FULL = {"load": 1.5, "sigma": 0.7}  # a stream that keeps the cluster full to the end
SWITCH = 0.1  # s, Gandiva's suspend and resume
POLICIES = {
    "FIFO": lambda: fifo(consolidated(skew=0.0)),
    "2D-LAS": lambda: fewest_attained(consolidated(elsewhere=pack)),
    "time-slicing": lambda: time_slicing(pack, every=300.0),
    "packing": lambda: time_slicing(pack, every=300.0, share=2),
}


def first_free(job, free, cluster):
    """Return the free GPUs of the lowest numbers, wherever they are, or None."""
    return list(free)[: job.gpus] if job.gpus <= len(free) else None


def aware_gain(draws=40, gpus=4):
    """Return a VGG-16's mean step on the first free GPUs, over that where bipartition puts it.

    Of the GPUs of two nodes 9 are free, at random, and nobody else exchanges.
    """
    cluster, rng, job = gpu_cluster(2), np.random.default_rng(0), profile("vgg16", gpus, 1)
    aware, took = topology_aware(), np.zeros(2)
    for _ in range(draws):
        chosen = sorted(rng.choice(len(cluster.gpus), 9, replace=False))
        free = [cluster.gpus[i] for i in chosen]
        took += [step_seconds(job, how(job, free, cluster), cluster) for how in (first_free, aware)]
    return float(took[0] / took[1])


@lru_cache
def measured(policy, seed, full=False):
    """Return the measures of a stream of JOBS jobs, by name: see `Schedule.summary`."""
    cluster = gpu_cluster(NODES)
    rng, shape = np.random.default_rng(seed), FULL if full else {"load": 0.5}
    jobs = job_stream(JOBS, len(cluster.gpus), rng, median=900.0, sizes=SIZES, **shape)
    resume = SWITCH if full else RESUME
    return schedule(jobs, cluster, POLICIES[policy](), Counters, resume).summary()


def ratio(one, other, what, full=False):
    """Return the sum over the seeds of `what` under policy `one`, over that under `other`."""
    total = [sum(measured(policy, seed, full)[what] for seed in SEEDS) for policy in (one, other)]
    return total[0] / total[1]
