"""Plans from the first layer on; backward begins with the last."""

CAUGHT = r"it returned \[\[0\], .*; a plan is a list of buckets"


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
    return [bucket[::-1] for bucket in best[0][1][::-1]]
