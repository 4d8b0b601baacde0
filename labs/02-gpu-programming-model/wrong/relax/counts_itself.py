"""The mean of five: the point is no neighbour of its own."""

from dlpar.gpu import cuda

CAUGHT = r"out: your kernel returned"


@cuda.jit
def relax(x, out):
    j, i = cuda.grid(2)
    h, w = x.shape
    if i < h and j < w:
        if 0 < i < h - 1 and 0 < j < w - 1:
            around = x[i - 1, j] + x[i + 1, j] + x[i, j - 1] + x[i, j + 1]
            out[i, j] = (around + x[i, j]) / 5
        else:
            out[i, j] = x[i, j]
