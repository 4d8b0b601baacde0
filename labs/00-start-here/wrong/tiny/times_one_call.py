"""Times a single call: it shows no tick, or one."""

CAUGHT = r"1\.7 calls a tick: \(to 1 %\) your function returned"


def tiny(f, clock, tick):
    start = clock()
    f()
    return clock() - start
