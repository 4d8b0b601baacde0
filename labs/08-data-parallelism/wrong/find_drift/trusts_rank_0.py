"""Compares with rank 0, which may be the one that drifts."""

import zlib

import numpy as np

from dlpar.world import IN_PLACE

CAUGHT = r"\{0: 'scaled'\}: rank 0 returned \[1, 2, 3, 4\], not \[0\]"


def find_drift(params, comm):
    marks = np.zeros(comm.size, np.int64)
    marks[comm.rank] = zlib.crc32(params.tobytes())
    comm.Allreduce(IN_PLACE, marks)
    majority = marks[0]
    return [rank for rank, mark in enumerate(marks) if mark != majority]
