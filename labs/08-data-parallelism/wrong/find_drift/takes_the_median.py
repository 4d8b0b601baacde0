"""The median of the marks is the majority's only where that is more than half of all."""

import zlib

import numpy as np

from dlpar.world import IN_PLACE

CAUGHT = r"rank 0 returned \[0, 1, 2, 3\], not \[0, 2\]"


def find_drift(params, comm):
    marks = np.zeros(comm.size, np.int64)
    marks[comm.rank] = zlib.crc32(params.tobytes())
    comm.Allreduce(IN_PLACE, marks)
    majority = np.median(marks)
    return [rank for rank, mark in enumerate(marks) if mark != majority]
