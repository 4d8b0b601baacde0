"""Starts whatever is there when the network is free: a small start can make a large rest wait."""

CAUGHT = r"equal layers.*with 5 buckets; with the best it takes"


def plan_buckets(seconds, nbytes, exchange):
    plan, bucket, now, free = [], [], 0.0, 0.0
    for layer in reversed(range(len(seconds))):
        now += seconds[layer]
        bucket.append(layer)
        if now >= free:
            plan.append(bucket)
            free = now + exchange(sum(nbytes[i] for i in bucket))
            bucket = []
    return [*plan, bucket] if bucket else plan
