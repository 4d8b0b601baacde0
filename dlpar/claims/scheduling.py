"""Experiments with a scheduler: what a topology-aware placement, taking turns and 2D-LAS gain."""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from dlpar.scheduler import (
    Cluster,
    Counters,
    consolidated,
    fewest_attained,
    fifo,
    gpu_cluster,
    job_stream,
    pack,
    profile,
    schedule,
    spread,
    step_seconds,
    time_slicing,
    topology_aware,
)
from dlpar.world import Link, Topology
from dlpar.world.presets import GB, NEAR, RDMA

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


def power8(nodes):
    """Return a Cluster of nodes of two sockets, each with two P100s joined to it and to each other.

    Declared after IBM's S822LC: two NVLinks of 20 GB/s on each edge, 38.4 GB/s between the sockets,
    100 Gb/s between nodes.
    """
    links, devices = [], []
    for node in (f"node{i}" for i in range(nodes)):
        for s in range(2):
            pair, socket = [f"{node}.gpu{g}" for g in (2 * s, 2 * s + 1)], f"{node}.pcie{s}"
            links += [Link(a, b, NEAR, 40 * GB) for a, b in (pair, *((g, socket) for g in pair))]
            links.append(Link(socket, f"{node}.root{s}", NEAR, 40 * GB))
            devices += pair
        links.append(Link(f"{node}.root0", f"{node}.root1", NEAR, 38.4 * GB))
        links.append(Link(f"{node}.root0", f"{node}.nic", NEAR, 12.5 * GB))
        links.append(Link(f"{node}.nic", "switch", RDMA, 12.5 * GB))
    return Cluster(Topology(links, devices))


def patient_gain(batch=2, threshold=0.6):
    """Return the makespan of a stream under pack or spread, the better, over topology-aware's.

    Batches are small, so that jobs exchange much, and steps are timed by `Counters`: neighbours
    slow each other down. Below `threshold` of utility a job waits: the paper's TOPO-AWARE-P.
    """
    cluster = power8(5)
    policies = [fifo(how) for how in (pack, spread, topology_aware(threshold))]
    took = np.zeros(len(policies))
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        jobs = [
            replace(job, compute=job.compute * batch / 32, steps=job.steps * 32 / batch)
            for job in job_stream(
                80, 20, rng, 1.2, median=300.0, sigma=0.5, sizes={1: 0.5, 2: 0.35, 4: 0.15}
            )
        ]
        took += [schedule(jobs, cluster, policy, Counters).makespan for policy in policies]
    return float(took[:2].min() / took[2])
