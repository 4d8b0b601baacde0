"""Tries 1, 2, 3, 4... calls: the tries cost more than the measurement."""

CAUGHT = r"1\.7 calls a tick: stopped after 5,000 calls"


def tiny(f, clock, tick):
    calls = 1
    while True:
        start = clock()
        for _ in range(calls):
            f()
        took = clock() - start
        if took >= 100 * tick:
            return took / calls
        calls += 1
