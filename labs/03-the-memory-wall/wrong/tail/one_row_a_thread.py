"""Does the first of its rows."""

from dlpar.gpu import cuda, float32

CAUGHT = r"returned nan at \[1, 0\]"
ROWS = 8


@cuda.jit
def tail(z, bias, skip, out):
    column, top = cuda.grid(1), cuda.blockIdx.y * ROWS
    if column < z.shape[1]:
        b = bias[column]
        for row in range(top, min(top + 1, z.shape[0])):
            active = max(z[row, column] + b, float32(0))
            out[row, column] = active + skip[row, column]
