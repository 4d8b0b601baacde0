"""Takes the bias of a row."""

from dlpar.gpu import cuda, float32

CAUGHT = r"shape \(8, 32\), block=32: out: your kernel returned"
ROWS = 8


@cuda.jit
def tail(z, bias, skip, out):
    column, top = cuda.grid(1), cuda.blockIdx.y * ROWS
    if column < z.shape[1]:
        b = bias[top % z.shape[1]]
        for row in range(top, min(top + ROWS, z.shape[0])):
            active = max(z[row, column] + b, float32(0))
            out[row, column] = active + skip[row, column]
