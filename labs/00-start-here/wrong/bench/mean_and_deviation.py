"""The mean, and one standard deviation to either side: one bad call moves all three."""

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
    mean, deviation = np.mean(times), np.std(times)
    return mean - deviation, mean, mean + deviation
