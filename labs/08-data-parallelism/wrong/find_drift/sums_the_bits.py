"""Adds up the bit patterns: numbers that have changed places keep their sum."""

from collections import Counter

import numpy as np

from dlpar.world import IN_PLACE

CAUGHT = r"\{0: 'swapped'\}: rank 0 returned \[\], not \[0\]"


def find_drift(params, comm):
    marks = np.zeros(comm.size, np.int64)
    marks[comm.rank] = params.view(np.uint8).sum()
    comm.Allreduce(IN_PLACE, marks)
    members = Counter(marks.tolist())
    majority = max(members, key=members.get)
    return [rank for rank, mark in enumerate(marks) if mark != majority]
