"""Works through a bucket from its first layer; backward comes from the last."""

import numpy as np

from dlpar.world import IN_PLACE

CAUGHT = r"backward\(2\) was called where layer 3 is next"


def overlap(plan, backward, comm):
    under_way = []
    for bucket in plan:
        grads = [backward(layer) for layer in sorted(bucket)]
        flat = np.concatenate(grads)
        cuts = np.cumsum([grad.size for grad in grads])[:-1]
        under_way.append((comm.Iallreduce(IN_PLACE, flat), bucket, flat, cuts))
    sums = [None] * sum(map(len, plan))
    for request, bucket, flat, cuts in under_way:
        request.Wait()
        for layer, total in zip(bucket, np.split(flat, cuts), strict=True):
            sums[layer] = total
    return sums
