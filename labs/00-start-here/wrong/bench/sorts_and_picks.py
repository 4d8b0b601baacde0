"""Picks elements of the sorted list: right for five runs, wrong for seven."""

CAUGHT = r"repeats=7, warmup=3: q1: your function returned"


def bench(f, clock, repeats, warmup):
    for _ in range(warmup):
        f()
    times = []
    for _ in range(repeats):
        start = clock()
        f()
        times.append(clock() - start)
    times.sort()
    return times[repeats // 4], times[repeats // 2], times[3 * repeats // 4]
