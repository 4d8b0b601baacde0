"""Starts copies and never waits for them: nothing was measured."""

import numpy as np

CAUGHT = r"repeats=5: finish was called 0 times, par is 6"


def copy_rate(n, make, start, finish, clock, repeats):
    array, times = make(), []
    start(array)
    for _ in range(repeats):
        begin = clock()
        start(array)
        times.append(clock() - begin)
    return 2 * n / np.median(times)
