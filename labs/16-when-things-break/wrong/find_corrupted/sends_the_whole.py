"""Sends all weights to all ranks."""

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
    every = np.empty((comm.size, params.size), np.uint32)
    comm.Allgather(params.view(np.uint32), every)
    return who, int(np.argmax((every != every[0]).any(axis=0)))
