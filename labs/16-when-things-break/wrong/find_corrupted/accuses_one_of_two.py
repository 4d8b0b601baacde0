"""Says which of two replicas is wrong, though nobody can know."""

import zlib

import numpy as np

CAUGHT = r"not \(None"


def find_corrupted(params, comm):
    def checksums(part):
        sums = np.empty(comm.size, np.uint32)
        comm.Allgather(np.array([zlib.crc32(part.tobytes())], np.uint32), sums)
        return sums.tolist()

    votes = checksums(params)
    if len(set(votes)) == 1:
        return None
    who = None
    if comm.size > 1:
        who = min(range(comm.size), key=lambda rank: votes.count(votes[rank]))
    start, stop = 0, params.size  # the first difference lies in start .. stop-1
    while stop - start > 1:
        middle = (start + stop) // 2
        if len(set(checksums(params[start:middle]))) > 1:
            stop = middle
        else:
            start = middle
    return who, start
