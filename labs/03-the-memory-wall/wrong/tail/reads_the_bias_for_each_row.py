"""The bias is fetched again for each row."""

from dlpar.gpu import cuda, float32

CAUGHT = r"96 global load sectors, par is 68"
ROWS = 8


@cuda.jit
def tail(z, bias, skip, out):
    column, top = cuda.grid(1), cuda.blockIdx.y * ROWS
    if column < z.shape[1]:
        for row in range(top, min(top + ROWS, z.shape[0])):
            active = max(z[row, column] + bias[column], float32(0))
            out[row, column] = active + skip[row, column]
