"""Has all terms on all ranks, in the order of size: the right bits, and too many bytes."""

import math

import numpy as np

CAUGHT = r"two allreduces"


def reproducible_sum(terms, comm):
    counts = np.empty(comm.size, np.int64)
    comm.Allgather(np.array([len(terms)]), counts)
    n = terms.shape[1]
    most = int(counts.max())
    padded = np.zeros((most, n), np.float32)
    padded[: len(terms)] = terms
    every = np.empty((comm.size * most, n), np.float32)
    comm.Allgather(padded, every)
    return np.array([math.fsum(column) for column in every.T.tolist()], np.float32)
