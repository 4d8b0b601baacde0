"""Ten ticks are only good to 10 %."""

CAUGHT = r"\(to 1 %\) your function returned"


def tiny(f, clock, tick):
    calls = 1
    while True:
        start = clock()
        for _ in range(calls):
            f()
        took = clock() - start
        if took >= 10 * tick:
            return took / calls
        calls *= 2
