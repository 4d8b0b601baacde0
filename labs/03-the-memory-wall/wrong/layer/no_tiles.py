"""Every thread fetches its own operands."""

from dlpar.gpu import cuda, float32

CAUGHT = r"33792 global load sectors, par is 256"


@cuda.jit
def layer(x, w, y):
    column, row = cuda.grid(2)
    if row < y.shape[0] and column < y.shape[1]:
        total = float32(0)
        for q in range(x.shape[1]):
            total += x[row, q] * w[column, q]
        y[row, column] = total
