"""Leaves out layers with nothing to exchange; their backward must still be called."""

CAUGHT = r"layers without parameters.*; a plan is a list of buckets"


def plan_buckets(seconds, nbytes, exchange):
    layers = len(seconds)
    best = {layers: (0.0, [])}
    for first in reversed(range(layers)):
        ready = sum(seconds[first:])
        ways = []
        for stop, (done, plan) in best.items():
            takes = exchange(sum(nbytes[first:stop]))
            ways.append((max(done, ready) + takes, [*plan, [*range(first, stop)][::-1]]))
        best[first] = min(ways)
    kept = [[layer for layer in bucket if nbytes[layer]] for bucket in best[0][1]]
    return [bucket for bucket in kept if bucket]
