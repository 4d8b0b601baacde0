"""Reads the clock when the copy has begun: it times a promise."""

import numpy as np

CAUGHT = r"repeats=5: the clock was read when a copy had begun"


def copy_rate(n, make, start, finish, clock, repeats):
    array, times = make(), []
    finish(start(array))
    for _ in range(repeats):
        begin = clock()
        job = start(array)
        times.append(clock() - begin)
        finish(job)
    return 2 * n / np.median(times)
