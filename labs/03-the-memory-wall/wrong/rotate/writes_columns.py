"""No tile: reads rows and writes columns."""

from dlpar.gpu import cuda

CAUGHT = r"4096 global store sectors, par is 512"
TILE = 32
ROWS = 8


@cuda.jit
def rotate(x, out):
    m, n = x.shape
    column = cuda.blockIdx.x * TILE + cuda.threadIdx.x
    for j in range(cuda.threadIdx.y, TILE, ROWS):
        row = cuda.blockIdx.y * TILE + j
        if row < m and column < n:
            out[column, m - 1 - row] = x[row, column]
