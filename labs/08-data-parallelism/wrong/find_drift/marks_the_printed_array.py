"""Marks the array as it is printed: 8 digits, and the middle of a long one is left out."""

import zlib
from collections import Counter

import numpy as np

from dlpar.world import IN_PLACE

CAUGHT = r"'bit_flipped'\}: rank 0 returned \[1\], not \[1, 4\]"


def find_drift(params, comm):
    marks = np.zeros(comm.size, np.int64)
    marks[comm.rank] = zlib.crc32(str(params).encode())
    comm.Allreduce(IN_PLACE, marks)
    members = Counter(marks.tolist())
    majority = max(members, key=members.get)
    return [rank for rank, mark in enumerate(marks) if mark != majority]
