"""Times the cold calls as well, and keeps them."""

import numpy as np

CAUGHT = r"repeats=5, warmup=2: the clock was read 14 times, par is 10"


def bench(f, clock, repeats, warmup):
    times = []
    for _ in range(warmup + repeats):
        start = clock()
        f()
        times.append(clock() - start)
    q1, median, q3 = np.percentile(times, [25, 50, 75])
    return q1, median, q3
