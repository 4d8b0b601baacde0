"""Many calls, each timed alone: the median of zeros and ones is a zero or a one."""

import numpy as np

CAUGHT = r"1\.7 calls a tick: .*the clock was read 200 times, par is"


def tiny(f, clock, tick):
    times = []
    for _ in range(100):
        start = clock()
        f()
        times.append(clock() - start)
    return np.median(times)
