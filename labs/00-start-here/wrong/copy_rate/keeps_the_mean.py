"""Four bugs mended; the mean still lets one bad run decide."""

import numpy as np

CAUGHT = r"repeats=5: your function takes the mean"


def copy_rate(n, make, start, finish, clock, repeats):
    array, times = make(), []
    finish(start(array))
    for _ in range(repeats):
        begin = clock()
        finish(start(array))
        times.append(clock() - begin)
    return 2 * n / np.mean(times)
