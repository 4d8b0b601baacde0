"""Compares how many gradients came with how many were due, and names the last one."""

import numpy as np

CAUGHT = r"not found|false alarm|shows it first"


def audit(start, gradients, reads):
    workers, clocks, d = gradients.shape
    columns = gradients.reshape(-1, d).T
    found = []
    for i, (reader, clock, weights) in enumerate(reads):
        counts = np.rint(np.linalg.lstsq(columns, start - weights, rcond=None)[0])
        came = int(counts.reshape(workers, clocks)[reader].sum())
        if came < clock and not any(one[1] == reader for one in found):
            found.append(("lost", reader, came, i))
        if came > clock and not any(one[1] == reader for one in found):
            found.append(("twice", reader, clock - 1, i))
    return found
