"""Reads its own point always, though only the edge needs it."""

from dlpar.gpu import cuda

CAUGHT = r"global load sectors, par is"


@cuda.jit
def relax(x, out):
    j, i = cuda.grid(2)
    h, w = x.shape
    if i < h and j < w:
        v = x[i, j]
        if 0 < i < h - 1 and 0 < j < w - 1:
            v = (x[i - 1, j] + x[i + 1, j] + x[i, j - 1] + x[i, j + 1]) / 4
        out[i, j] = v
