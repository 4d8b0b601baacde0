"""Takes the exclusive or of all numbers: the same flip in two of them is not seen."""

import numpy as np

CAUGHT = r"returned None"


def find_corrupted(params, comm):
    def checksums(part):
        sums = np.empty(comm.size, np.uint32)
        comm.Allgather(np.array([np.bitwise_xor.reduce(part.view(np.uint32))], np.uint32), sums)
        return sums.tolist()

    votes = checksums(params)
    if len(set(votes)) == 1:
        return None
    who = None
    if comm.size > 2:
        who = min(range(comm.size), key=lambda rank: votes.count(votes[rank]))
    start, stop = 0, params.size  # the first difference lies in start .. stop-1
    while stop - start > 1:
        middle = (start + stop) // 2
        if len(set(checksums(params[start:middle]))) > 1:
            stop = middle
        else:
            start = middle
    return who, start
