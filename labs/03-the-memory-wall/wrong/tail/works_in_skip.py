"""Adds into skip, which is there to be read."""

from dlpar.gpu import cuda, float32

CAUGHT = r"skip was changed"
ROWS = 8


@cuda.jit
def tail(z, bias, skip, out):
    column, top = cuda.grid(1), cuda.blockIdx.y * ROWS
    if column < z.shape[1]:
        b = bias[column]
        for row in range(top, min(top + ROWS, z.shape[0])):
            skip[row, column] += max(z[row, column] + b, float32(0))
            out[row, column] = skip[row, column]
