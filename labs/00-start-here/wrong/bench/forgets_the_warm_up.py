"""Times from the first call on: the cold calls are among the results."""

import numpy as np

CAUGHT = r"repeats=5, warmup=2: f was called 5 times, par is 7"


def bench(f, clock, repeats, warmup):
    times = []
    for _ in range(repeats):
        start = clock()
        f()
        times.append(clock() - start)
    q1, median, q3 = np.percentile(times, [25, 50, 75])
    return q1, median, q3
