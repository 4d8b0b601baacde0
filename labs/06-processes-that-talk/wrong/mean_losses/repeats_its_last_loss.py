"""Who is done brings its last loss again and again."""

import numpy as np

from dlpar.world import MAX

CAUGHT = r"\(4, 2\) losses: rank 0 returned .* at \[2\]"


def mean_losses(losses, comm):
    longest, total = np.empty(1), np.empty(2)
    comm.Allreduce(np.array([float(len(losses))]), longest, op=MAX)
    means = []
    for step in range(int(longest[0])):
        mine = [losses[min(step, len(losses) - 1)], 1.0] if len(losses) else [0.0, 0.0]
        comm.Allreduce(np.array(mine), total)
        means.append(total[0] / total[1])
    return np.array(means)
