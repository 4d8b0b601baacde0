"""Closes a bucket at a fixed size, a quarter of all bytes: no size is best everywhere."""

CAUGHT = r"equal layers.*with 4 buckets; with the best it takes"


def plan_buckets(seconds, nbytes, exchange):
    plan, bucket = [], []
    for layer in reversed(range(len(seconds))):
        bucket.append(layer)
        if sum(nbytes[i] for i in bucket) >= sum(nbytes) / 4:
            plan.append(bucket)
            bucket = []
    return [*plan, bucket] if bucket else plan
