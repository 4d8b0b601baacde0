"""Takes 3 bits of the checksum: one flip in eight is not seen."""

import zlib

import numpy as np

CAUGHT = r"returned"


def find_corrupted(params, comm):
    def checksums(part):
        sums = np.empty(comm.size, np.uint32)
        comm.Allgather(np.array([zlib.crc32(part.tobytes()) % 8], np.uint32), sums)
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
