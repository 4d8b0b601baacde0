"""Starts the clock once, before the loop: every run includes all runs before it."""

import numpy as np

CAUGHT = r"repeats=5, warmup=2: q1: your function returned"


def bench(f, clock, repeats, warmup):
    for _ in range(warmup):
        f()
    times, start = [], clock()
    for _ in range(repeats):
        f()
        times.append(clock() - start)
    q1, median, q3 = np.percentile(times, [25, 50, 75])
    return q1, median, q3
