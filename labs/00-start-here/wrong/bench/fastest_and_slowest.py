"""The range from the fastest to the slowest call, where the quartiles are asked for."""

import numpy as np

CAUGHT = r"repeats=5, warmup=2: q1: your function returned"


def bench(f, clock, repeats, warmup):
    for _ in range(warmup):
        f()
    times = []
    for _ in range(repeats):
        start = clock()
        f()
        times.append(clock() - start)
    return min(times), np.median(times), max(times)
