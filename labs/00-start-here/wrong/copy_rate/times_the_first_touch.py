"""One array, but its first copy is timed, and touches it."""

import numpy as np

CAUGHT = r"repeats=5: start was called 5 times, par is 6"


def copy_rate(n, make, start, finish, clock, repeats):
    array, times = make(), []
    for _ in range(repeats):
        begin = clock()
        finish(start(array))
        times.append(clock() - begin)
    return 2 * n / np.median(times)
