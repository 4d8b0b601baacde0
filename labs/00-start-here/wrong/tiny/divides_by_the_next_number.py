"""Doubles the number of calls before it divides by it: half of the true time."""

CAUGHT = r"1\.7 calls a tick: \(to 1 %\) your function returned"


def tiny(f, clock, tick):
    calls, took = 1, 0.0
    while took < 100 * tick:
        start = clock()
        for _ in range(calls):
            f()
        took = clock() - start
        calls *= 2
    return took / calls
