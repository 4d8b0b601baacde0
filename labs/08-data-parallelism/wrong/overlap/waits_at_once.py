"""Waits for each exchange before it goes on with backward: nothing is hidden."""

import numpy as np

from dlpar.world import IN_PLACE

CAUGHT = r"µs of virtual time, par is .*: an exchange starts as soon as"


def overlap(plan, backward, comm):
    under_way = []
    for bucket in plan:
        grads = [backward(layer) for layer in bucket]
        flat = np.concatenate(grads)
        cuts = np.cumsum([grad.size for grad in grads])[:-1]
        request = comm.Iallreduce(IN_PLACE, flat)
        request.Wait()
        under_way.append((request, bucket, flat, cuts))
    sums = [None] * sum(map(len, plan))
    for request, bucket, flat, cuts in under_way:
        request.Wait()
        for layer, total in zip(bucket, np.split(flat, cuts), strict=True):
            sums[layer] = total
    return sums
