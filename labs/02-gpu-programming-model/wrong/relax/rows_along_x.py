"""Lanes of a warp lie below each other: each touches a sector of its own."""

from dlpar.gpu import cuda

CAUGHT = r"shape=\(33, 33\), .*: \d+ global load sectors, par is \d+"


@cuda.jit
def relax(x, out):
    i, j = cuda.grid(2)
    h, w = x.shape
    if i < h and j < w:
        if 0 < i < h - 1 and 0 < j < w - 1:
            out[i, j] = (x[i - 1, j] + x[i + 1, j] + x[i, j - 1] + x[i, j + 1]) / 4
        else:
            out[i, j] = x[i, j]
