"""Returns the mean; the sum was asked for."""

import numpy as np

from dlpar.world import IN_PLACE

CAUGHT = r"layer 0: rank 0 returned .*, not"


def overlap(plan, backward, comm):
    under_way = []
    for bucket in plan:
        grads = [backward(layer) for layer in bucket]
        flat = np.concatenate(grads)
        cuts = np.cumsum([grad.size for grad in grads])[:-1]
        under_way.append((comm.Iallreduce(IN_PLACE, flat), bucket, flat, cuts))
    sums = [None] * sum(map(len, plan))
    for request, bucket, flat, cuts in under_way:
        request.Wait()
        for layer, total in zip(bucket, np.split(flat, cuts), strict=True):
            sums[layer] = total / comm.size
    return sums
