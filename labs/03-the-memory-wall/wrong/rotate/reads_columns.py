"""No tile: writes rows and reads columns."""

from dlpar.gpu import cuda

CAUGHT = r"4096 global load sectors, par is 512"
TILE = 32
ROWS = 8


@cuda.jit
def rotate(x, out):
    m, n = x.shape
    row = cuda.blockIdx.y * TILE + cuda.threadIdx.x
    for j in range(cuda.threadIdx.y, TILE, ROWS):
        column = cuda.blockIdx.x * TILE + j
        if row < m and column < n:
            out[column, m - 1 - row] = x[row, column]
