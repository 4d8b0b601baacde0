"""Returns seconds a byte: the reciprocal of a rate."""

import numpy as np

CAUGHT = r"repeats=5: your function returned"


def copy_rate(n, make, start, finish, clock, repeats):
    array, times = make(), []
    finish(start(array))
    for _ in range(repeats):
        begin = clock()
        finish(start(array))
        times.append(clock() - begin)
    return np.median(times) / (2 * n)
