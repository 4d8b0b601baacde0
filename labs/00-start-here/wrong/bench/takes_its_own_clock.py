"""Reads the clock on the wall of another machine: perf_counter."""

from time import perf_counter

import numpy as np

CAUGHT = r"repeats=5, warmup=2: the clock was never read"


def bench(f, clock, repeats, warmup):
    for _ in range(warmup):
        f()
    times = []
    for _ in range(repeats):
        start = perf_counter()
        f()
        times.append(perf_counter() - start)
    q1, median, q3 = np.percentile(times, [25, 50, 75])
    return q1, median, q3
