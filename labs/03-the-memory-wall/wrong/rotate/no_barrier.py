"""Reads the tile while others still fill it."""

from dlpar.gpu import cuda, float32

CAUGHT = r"Race: rotate"
TILE = 32
ROWS = 8


@cuda.jit
def rotate(x, out):
    tile = cuda.shared.array((TILE, 33), float32)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    top, left = cuda.blockIdx.y * TILE, cuda.blockIdx.x * TILE
    m, n = x.shape
    for j in range(ty, TILE, ROWS):
        if top + j < m and left + tx < n:
            tile[j, tx] = x[top + j, left + tx]
    for j in range(ty, TILE, ROWS):
        if left + j < n and top + tx < m:
            out[left + j, m - 1 - top - tx] = tile[tx, j]
