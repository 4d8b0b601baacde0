"""Takes the bytes' time only: a latency more or less does not count."""

CAUGHT = r"equal layers.*latency 20%.*with 8 buckets; with the best"


def plan_buckets(seconds, nbytes, exchange):
    layers = len(seconds)
    best = {layers: (0.0, [])}
    for first in reversed(range(layers)):
        ready = sum(seconds[first:])
        ways = []
        for stop, (done, plan) in best.items():
            takes = exchange(sum(nbytes[first:stop])) - exchange(0)
            ways.append((max(done, ready) + takes, [*plan, [*range(first, stop)][::-1]]))
        best[first] = min(ways)
    return best[0][1]
