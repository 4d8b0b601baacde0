"""Writes the activation to out, and reads it again."""

from dlpar.gpu import cuda, float32

CAUGHT = r"100 global load sectors, par is 68"
ROWS = 8


@cuda.jit
def tail(z, bias, skip, out):
    column, top = cuda.grid(1), cuda.blockIdx.y * ROWS
    if column < z.shape[1]:
        b = bias[column]
        for row in range(top, min(top + ROWS, z.shape[0])):
            out[row, column] = max(z[row, column] + b, float32(0))
            out[row, column] += skip[row, column]
