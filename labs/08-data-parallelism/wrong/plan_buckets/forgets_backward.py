"""Adds up the exchanges alone: then one bucket is always the best."""

CAUGHT = r"equal layers.*the step takes 1900.0 µs with 1 buckets"


def plan_buckets(seconds, nbytes, exchange):
    layers = len(seconds)
    best = {layers: (0.0, [])}
    for first in reversed(range(layers)):
        ways = []
        for stop, (done, plan) in best.items():
            takes = exchange(sum(nbytes[first:stop]))
            ways.append((done + takes, [*plan, [*range(first, stop)][::-1]]))
        best[first] = min(ways)
    return best[0][1]
