"""A new array for each run: every copy pays for the first touch."""

import numpy as np

CAUGHT = r"n=10,000,000 bytes, repeats=5: make was called 6 times, par is 1"


def copy_rate(n, make, start, finish, clock, repeats):
    finish(start(make()))
    times = []
    for _ in range(repeats):
        array = make()
        begin = clock()
        finish(start(array))
        times.append(clock() - begin)
    return 2 * n / np.median(times)
