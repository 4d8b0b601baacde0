"""One pair of readings around all calls: what is left is their mean, and no spread."""

CAUGHT = r"repeats=5, warmup=2: f ran more than once between two readings"


def bench(f, clock, repeats, warmup):
    for _ in range(warmup):
        f()
    start = clock()
    for _ in range(repeats):
        f()
    each = (clock() - start) / repeats
    return each, each, each
