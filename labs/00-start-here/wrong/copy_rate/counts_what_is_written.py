"""Four bugs mended; the bytes that are read do not count."""

import numpy as np

CAUGHT = r"repeats=5: your function counts n bytes"


def copy_rate(n, make, start, finish, clock, repeats):
    array, times = make(), []
    finish(start(array))
    for _ in range(repeats):
        begin = clock()
        finish(start(array))
        times.append(clock() - begin)
    return n / np.median(times)
