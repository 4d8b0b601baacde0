"""Returns the time with the plan."""

CAUGHT = r"a plan is a list of buckets, each a list of layers"


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
    return list(best[0])
