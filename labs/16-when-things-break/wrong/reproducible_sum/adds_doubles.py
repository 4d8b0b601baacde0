"""Adds in float64, and hopes that the rounding to float32 hides the rest."""

import numpy as np

CAUGHT = r"other bits"


def reproducible_sum(terms, comm):
    total = terms.astype(np.float64).sum(axis=0)
    comm.Allreduce(total.copy(), total)
    return total.astype(np.float32)
