"""Returns the ranks that are right."""

import zlib
from collections import Counter

import numpy as np

from dlpar.world import IN_PLACE

CAUGHT = r"\{2: 'moved'\}: rank 0 returned \[0, 1, 3\], not \[2\]"


def find_drift(params, comm):
    marks = np.zeros(comm.size, np.int64)
    marks[comm.rank] = zlib.crc32(params.tobytes())
    comm.Allreduce(IN_PLACE, marks)
    members = Counter(marks.tolist())
    majority = max(members, key=members.get)
    return [rank for rank, mark in enumerate(marks) if mark == majority]
