"""Gathers all parameters: p models' bytes to every rank."""

import zlib
from collections import Counter

import numpy as np

CAUGHT = r"µs of virtual time, par is .*: 8 bytes for each rank"


def find_drift(params, comm):
    rows = np.empty((comm.size, params.size), params.dtype)
    comm.Allgather(params, rows)
    marks = np.array([zlib.crc32(row.tobytes()) for row in rows])
    members = Counter(marks.tolist())
    majority = max(members, key=members.get)
    return [rank for rank, mark in enumerate(marks) if mark != majority]
