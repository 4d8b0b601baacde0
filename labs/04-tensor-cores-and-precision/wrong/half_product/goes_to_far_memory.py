"""Reads a and b from global memory for every product."""

from dlpar.gpu import cuda, float32

CAUGHT = r"m=16, n=16, k=16, numbers of about 1: 264 global load requests, par is 24"
TILE = 16


@cuda.jit
def half_product(a, b, c, d):
    column, row = cuda.grid(2)
    if row < d.shape[0] and column < d.shape[1]:
        total = c[row, column]
        for p in range(a.shape[1]):
            total += float32(a[row, p]) * float32(b[p, column])
        d[row, column] = total
