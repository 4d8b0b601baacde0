"""Compares with the mean of all: whoever is far away pulls it, and then all differ."""

import numpy as np

from dlpar.world import IN_PLACE

CAUGHT = r"\{2: 'moved'\}: rank 0 returned \[0, 1, 2, 3\], not \[2\]"


def find_drift(params, comm):
    mean = params.copy()
    comm.Allreduce(IN_PLACE, mean)
    differs = np.zeros(comm.size, np.int64)
    differs[comm.rank] = not np.array_equal(mean / comm.size, params)
    comm.Allreduce(IN_PLACE, differs)
    return np.flatnonzero(differs).tolist()
