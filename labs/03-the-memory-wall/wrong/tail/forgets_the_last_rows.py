"""Only whole groups of 8 rows."""

from dlpar.gpu import cuda, float32

CAUGHT = r"shape \(9, 33\), block=32: out: your kernel returned nan at \[8, 0\]"
ROWS = 8


@cuda.jit
def tail(z, bias, skip, out):
    column, top = cuda.grid(1), cuda.blockIdx.y * ROWS
    if column < z.shape[1]:
        b = bias[column]
        for row in range(top, top + ROWS if top + ROWS <= z.shape[0] else top):
            active = max(z[row, column] + b, float32(0))
            out[row, column] = active + skip[row, column]
