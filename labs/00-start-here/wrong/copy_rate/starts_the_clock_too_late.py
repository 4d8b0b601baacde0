"""Times the waiting, and not the start."""

import numpy as np

CAUGHT = r"repeats=5: the clock was read when a copy had begun|repeats=5: 0 copies were timed alone"


def copy_rate(n, make, start, finish, clock, repeats):
    array, times = make(), []
    finish(start(array))
    for _ in range(repeats):
        job = start(array)
        begin = clock()
        finish(job)
        times.append(clock() - begin)
    return 2 * n / np.median(times)
