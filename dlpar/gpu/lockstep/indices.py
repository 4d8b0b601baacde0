"""Where a thread is: its coordinates, its lane, its index in the grid."""

from typing import Any

import numpy as np

from dlpar.gpu.lockstep.intrinsic import Intrinsic
from dlpar.gpu.lockstep.machine import WARP


class _Dim3:
    """threadIdx and its like: three coordinates, in kernels only."""

    x: Any
    y: Any
    z: Any

    def __init__(self, name, read):
        for axis, letter in enumerate("xyz"):
            part = Intrinsic(
                f"cuda.{name}.{letter}", lambda m, axis=axis: read(m, axis), reads=True
            )
            setattr(self, letter, part)


threadIdx = _Dim3("threadIdx", lambda m, axis: m.coordinate("thread", axis))
blockIdx = _Dim3("blockIdx", lambda m, axis: m.coordinate("block", axis))
blockDim = _Dim3("blockDim", lambda m, axis: np.int32(m.block_dim[axis]))
gridDim = _Dim3("gridDim", lambda m, axis: np.int32(m.grid[axis]))
laneid = Intrinsic("cuda.laneid", lambda m: (m.thread % WARP).astype(np.int32), reads=True)
warpsize = Intrinsic("cuda.warpsize", lambda m: np.int32(WARP), reads=True)


def _per_axis(read):
    def lower(translator, node, ndim):
        if ndim not in (1, 2, 3):
            raise translator.source.unsupported(node, f"1, 2 or 3 dimensions, not {ndim}")
        if ndim == 1:
            return lambda m, env: read(m, 0)
        return lambda m, env: tuple(read(m, axis) for axis in range(ndim))

    return lower


grid = Intrinsic("cuda.grid", _per_axis(lambda m, axis: m.global_index(axis)), static=True)
gridsize = Intrinsic(
    "cuda.gridsize",
    _per_axis(lambda m, axis: np.int64(m.grid[axis] * m.block_dim[axis])),
    static=True,
)
