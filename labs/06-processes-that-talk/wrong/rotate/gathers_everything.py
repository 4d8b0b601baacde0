"""Every rank gets all arrays in order to keep one."""

import numpy as np

CAUGHT = r"p=4, k=2, n=3: rank 0 called Allgather"


def rotate(x, k, comm):
    everything = np.empty((comm.size, x.size))
    comm.Allgather(x, everything)
    return everything[(comm.rank - k) % comm.size]
