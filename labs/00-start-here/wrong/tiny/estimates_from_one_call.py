"""Estimates from one call how many are needed; a call that shows no tick divides by zero."""

CAUGHT = r"4\.1 calls a tick: \(to 1 %\) your function returned"


def tiny(f, clock, tick):
    start = clock()
    f()
    calls = int(100 * tick / (clock() - start)) + 1
    start = clock()
    for _ in range(calls):
        f()
    return (clock() - start) / calls
