"""Always a thousand calls: far too many for a slow function."""

CAUGHT = r"1\.7 calls a tick: f was called 1000 times, par is"


def tiny(f, clock, tick):
    start = clock()
    for _ in range(1000):
        f()
    return (clock() - start) / 1000
