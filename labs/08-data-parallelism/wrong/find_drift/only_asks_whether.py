"""The least and the largest mark tell whether replicas differ, not whose do; all are named."""

import zlib

import numpy as np

from dlpar.world import IN_PLACE, MAX, MIN

CAUGHT = r"\{2: 'moved'\}: rank 0 returned \[0, 1, 2, 3\], not \[2\]"


def find_drift(params, comm):
    least = np.array([zlib.crc32(params.tobytes())])
    most = least.copy()
    comm.Allreduce(IN_PLACE, least, op=MIN)
    comm.Allreduce(IN_PLACE, most, op=MAX)
    return [] if least[0] == most[0] else list(range(comm.size))
