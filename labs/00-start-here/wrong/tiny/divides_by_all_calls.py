"""Divides the last go by the calls of all goes."""

CAUGHT = r"1\.7 calls a tick: \(to 1 %\) your function returned"


def tiny(f, clock, tick):
    calls, made = 1, 0
    while True:
        start = clock()
        for _ in range(calls):
            f()
        made += calls
        took = clock() - start
        if took >= 100 * tick:
            return took / made
        calls *= 2
