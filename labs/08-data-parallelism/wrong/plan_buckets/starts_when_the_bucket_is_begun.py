"""Thinks that a bucket can start with its first layer, before the others are there."""

CAUGHT = r"equal layers.*with 1 buckets; with the best it takes"


def plan_buckets(seconds, nbytes, exchange):
    layers = len(seconds)
    best = {layers: (0.0, [])}
    for first in reversed(range(layers)):
        ways = []
        for stop, (done, plan) in best.items():
            ready = sum(seconds[stop - 1 :])
            takes = exchange(sum(nbytes[first:stop]))
            ways.append((max(done, ready) + takes, [*plan, [*range(first, stop)][::-1]]))
        best[first] = min(ways)
    return best[0][1]
