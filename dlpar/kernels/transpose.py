"""Transposes: the same bytes three ways, which differ only in who touches what when."""

import numpy as np

from dlpar.gpu import cuda, float32
from dlpar.kernels.launching import at_home, blocks_for, on_device

TILE = 32  # a tile is TILE x TILE elements: one warp reads a row of it in one request
WIDTH = TILE + 1  # of a padded tile: its columns run through all banks
ROWS = 8  # a block has TILE x ROWS threads; each moves TILE / ROWS elements


@cuda.jit
def transpose_naive(x, out):
    """out = x.T; reads rows, which coalesce, and writes columns, which do not.

    x : (m, n) float32, device.  out : (n, m) float32, device, overwritten.
    Launch [(ceil(n / TILE), ceil(m / TILE)), (TILE, ROWS)].
    Source: Ruetsch and Micikevicius, "Optimizing Matrix Transpose in CUDA", 2009.
    """
    column = cuda.blockIdx.x * TILE + cuda.threadIdx.x
    row = cuda.blockIdx.y * TILE + cuda.threadIdx.y
    for j in range(0, TILE, ROWS):
        if row + j < x.shape[0] and column < x.shape[1]:
            out[column, row + j] = x[row + j, column]


@cuda.jit
def transpose_tiled(x, out):
    """out = x.T through a shared tile: both sides coalesce, but a tile's column is one bank.

    x : (m, n) float32, device.  out : (n, m) float32, device, overwritten.
    Launch [(ceil(n / TILE), ceil(m / TILE)), (TILE, ROWS)]. Shared: 4 * TILE**2 bytes a block.
    Source: Ruetsch and Micikevicius, "Optimizing Matrix Transpose in CUDA", 2009.
    """
    tile = cuda.shared.array((TILE, TILE), float32)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    column, row = cuda.blockIdx.x * TILE + tx, cuda.blockIdx.y * TILE + ty
    for j in range(0, TILE, ROWS):
        if row + j < x.shape[0] and column < x.shape[1]:
            tile[ty + j, tx] = x[row + j, column]
    cuda.syncthreads()
    # Now of `out`:
    column, row = cuda.blockIdx.y * TILE + tx, cuda.blockIdx.x * TILE + ty
    for j in range(0, TILE, ROWS):
        if row + j < out.shape[0] and column < out.shape[1]:
            out[row + j, column] = tile[tx, ty + j]  # TILE words apart: one bank


@cuda.jit
def transpose_padded(x, out):
    """out = x.T through a shared tile whose rows are one word longer: no two lanes share a bank.

    x : (m, n) float32, device.  out : (n, m) float32, device, overwritten.
    Launch [(ceil(n / TILE), ceil(m / TILE)), (TILE, ROWS)].
    Shared: 4 * TILE * WIDTH bytes a block.
    Source: Ruetsch and Micikevicius, "Optimizing Matrix Transpose in CUDA", 2009.
    """
    tile = cuda.shared.array((TILE, WIDTH), float32)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    column, row = cuda.blockIdx.x * TILE + tx, cuda.blockIdx.y * TILE + ty
    for j in range(0, TILE, ROWS):
        if row + j < x.shape[0] and column < x.shape[1]:
            tile[ty + j, tx] = x[row + j, column]
    cuda.syncthreads()
    column, row = cuda.blockIdx.y * TILE + tx, cuda.blockIdx.x * TILE + ty
    for j in range(0, TILE, ROWS):
        if row + j < out.shape[0] and column < out.shape[1]:
            out[row + j, column] = tile[tx, ty + j]  # lanes TILE + 1 words apart: 32 banks


def transpose(x, kernel=transpose_padded):
    """Return the transpose of `x`, (m, n) float32, as a row-major (n, m) array.

    Raises ValueError for another shape or type.
    """
    given, x = x, on_device("x", x, 2)
    m, n = x.shape
    out = cuda.device_array((n, m), np.float32)
    if x.size:
        grid = blocks_for(n, TILE), blocks_for(m, TILE)
        kernel[grid, (TILE, ROWS)](x, out)
    return at_home(out, given)
