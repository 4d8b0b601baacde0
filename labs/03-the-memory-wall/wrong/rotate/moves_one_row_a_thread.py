"""Each thread moves one element of its four."""

from dlpar.gpu import cuda, float32

CAUGHT = r"tile\[8, 0\] \(shared\) is read, but nobody has written it"
TILE = 32
ROWS = 8


@cuda.jit
def rotate(x, out):
    tile = cuda.shared.array((TILE, 33), float32)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    top, left = cuda.blockIdx.y * TILE, cuda.blockIdx.x * TILE
    m, n = x.shape
    for j in range(ty, ROWS, ROWS):
        if top + j < m and left + tx < n:
            tile[j, tx] = x[top + j, left + tx]
    cuda.syncthreads()
    for j in range(ty, ROWS, ROWS):
        if left + j < n and top + tx < m:
            out[left + j, m - 1 - top - tx] = tile[tx, j]
