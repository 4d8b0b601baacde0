"""Rank 0 solves everything; correct, and as fast as one."""

import numpy as np

CAUGHT = r"p=3, 6 tasks: it took .* virtual time, par is"


def farm(n, comm, solve):
    if comm.rank > 0:
        return None
    return np.array([solve(i) for i in range(n)])
