"""Asks for one block of 64 after another, and then for one number after another."""

import zlib

import numpy as np

CAUGHT = r"Allgather"


def find_corrupted(params, comm):
    def checksums(part):
        sums = np.empty(comm.size, np.uint32)
        comm.Allgather(np.array([zlib.crc32(part.tobytes())], np.uint32), sums)
        return sums.tolist()

    votes = checksums(params)
    if len(set(votes)) == 1:
        return None
    who = None
    if comm.size > 2:
        who = min(range(comm.size), key=lambda rank: votes.count(votes[rank]))
    start = 0
    for step in (64, 1):
        while len(set(checksums(params[start : start + step]))) == 1:
            start += step
    return who, start
