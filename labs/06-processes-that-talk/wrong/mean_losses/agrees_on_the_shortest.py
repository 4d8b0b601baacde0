"""All stop when the first is done, in the same round: no hang, and losses are lost."""

import numpy as np

from dlpar.world import MIN, SUM

CAUGHT = r"the ranks have \(4, 2\) losses: rank 0 returned"


def mean_losses(losses, comm):
    fewest = np.empty(1)
    comm.Allreduce(np.array([float(len(losses))]), fewest, op=MIN)
    means, total = [], np.empty(1)
    for loss in losses[: int(fewest[0])]:
        comm.Allreduce(np.array([loss]), total, op=SUM)
        means.append(total[0] / comm.size)
    return np.array(means)
