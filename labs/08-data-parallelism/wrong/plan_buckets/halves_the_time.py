"""Two buckets of equal backward time."""

CAUGHT = r"equal layers.*with 2 buckets; with the best it takes"


def plan_buckets(seconds, nbytes, exchange):
    layers = list(range(len(seconds)))[::-1]
    cut = next((k for k in layers if sum(seconds[k:]) >= sum(seconds) / 2), 0)
    later, earlier = layers[: len(layers) - cut], layers[len(layers) - cut :]
    return [bucket for bucket in (later, earlier) if bucket]
