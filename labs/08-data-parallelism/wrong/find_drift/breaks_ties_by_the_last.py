"""Of equally large groups it takes the one that came last."""

import zlib
from collections import Counter

import numpy as np

from dlpar.world import IN_PLACE

CAUGHT = r"rank 0 returned \[0, 1\], not \[2, 3\]"


def find_drift(params, comm):
    marks = np.zeros(comm.size, np.int64)
    marks[comm.rank] = zlib.crc32(params.tobytes())
    comm.Allreduce(IN_PLACE, marks)
    members = Counter(marks.tolist())
    majority = max(reversed(members), key=members.get)
    return [rank for rank, mark in enumerate(marks) if mark != majority]
