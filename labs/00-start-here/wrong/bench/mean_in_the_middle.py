"""Takes the mean for the middle: the disturbed call pulls it up."""

import numpy as np

CAUGHT = r"repeats=5, warmup=2: median: your function returned"


def bench(f, clock, repeats, warmup):
    for _ in range(warmup):
        f()
    times = []
    for _ in range(repeats):
        start = clock()
        f()
        times.append(clock() - start)
    q1, q3 = np.percentile(times, [25, 75])
    return q1, np.mean(times), q3
