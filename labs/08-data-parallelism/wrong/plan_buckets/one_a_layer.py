"""A bucket a layer: one latency each."""

CAUGHT = r"equal layers.*latency 20%.*with 8 buckets; with the best it takes"


def plan_buckets(seconds, nbytes, exchange):
    return [[layer] for layer in reversed(range(len(seconds)))]
