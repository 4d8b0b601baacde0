"""Allreduce returns when the sum is there: the rank waits."""

import numpy as np

from dlpar.world import IN_PLACE

CAUGHT = r"rank 0 called Allreduce; par is 2, one Iallreduce a bucket"


def overlap(plan, backward, comm):
    under_way = []
    for bucket in plan:
        grads = [backward(layer) for layer in bucket]
        flat = np.concatenate(grads)
        cuts = np.cumsum([grad.size for grad in grads])[:-1]
        under_way.append((comm.Allreduce(IN_PLACE, flat), bucket, flat, cuts))
    sums = [None] * sum(map(len, plan))
    for _, bucket, flat, cuts in under_way:
        for layer, total in zip(bucket, np.split(flat, cuts), strict=True):
            sums[layer] = total
    return sums
