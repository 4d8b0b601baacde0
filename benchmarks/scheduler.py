"""10,000 jobs on 1,000 GPUs: how long each policy takes to schedule them, and what comes of it.

Steps are timed by `Counters`, the cheap model of contention. The times are of this machine and
include everything but the making of the jobs; the limit is held for wall time, so it asks for a
machine that does nothing else. The measures are virtual and the same in every run.

Run with: python benchmarks/scheduler.py [JOBS]
"""

import sys
from time import perf_counter, process_time

import numpy as np

from dlpar.scheduler import (
    Counters,
    backfill,
    consolidated,
    fewest_attained,
    fifo,
    gpu_cluster,
    job_stream,
    pack,
    random_placement,
    schedule,
    spread,
    spread_sockets,
    time_slicing,
)

LIMIT = 30  # s
POLICIES = {
    "FIFO, pack": fifo(pack),
    "FIFO, spread": fifo(spread),
    "FIFO, spread over sockets": fifo(spread_sockets),
    "FIFO, random": fifo(random_placement(np.random.default_rng(1))),
    "FIFO, by skew": fifo(consolidated()),
    "backfill, pack": backfill(pack),
    "2D-LAS, by skew": fewest_attained(consolidated()),
    "time-slicing, pack": time_slicing(pack, every=300.0),
}


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    cluster = gpu_cluster(25, racks=5, oversubscription=4.0)
    jobs = job_stream(count, len(cluster.gpus), np.random.default_rng(0), load=0.8)
    print(f"{count:,} jobs on {len(cluster.gpus):,} GPUs")
    slow = []
    for name, policy in POLICIES.items():
        start, busy = perf_counter(), process_time()
        done = schedule(jobs, cluster, policy, Counters, resume=10.0)
        wall, busy = perf_counter() - start, process_time() - busy
        measures = ", ".join(f"{what} {value:,.3g}" for what, value in done.summary().items())
        times = f"{wall:5.1f} s wall, {busy:5.1f} s of a processor"
        print(f"{name:26} {times}; {len(done.stints):,} stints, {measures}", flush=True)
        if wall > LIMIT:
            slow.append(name)
    if slow:
        sys.exit(f"longer than {LIMIT} s: {', '.join(slow)}")


if __name__ == "__main__":
    main()
