"""The sum as a mark: it misses numbers that have changed places, and errors that cancel."""

from collections import Counter

import numpy as np

from dlpar.world import IN_PLACE

CAUGHT = r"\{0: 'swapped'\}: rank 0 returned \[\], not \[0\]"


def find_drift(params, comm):
    marks = np.zeros(comm.size)
    marks[comm.rank] = params.sum()
    comm.Allreduce(IN_PLACE, marks)
    members = Counter(marks.tolist())
    majority = max(members, key=members.get)
    return [rank for rank, mark in enumerate(marks) if mark != majority]
