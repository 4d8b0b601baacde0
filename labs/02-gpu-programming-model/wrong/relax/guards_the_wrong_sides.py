"""Compares the column with the height: right only where the two are alike."""

from dlpar.gpu import cuda

CAUGHT = r"shape=\(5, 7\), .*: (your code raised OutOfRange|out: your kernel returned nan)"


@cuda.jit
def relax(x, out):
    j, i = cuda.grid(2)
    w, h = x.shape
    if i < h and j < w:
        if 0 < i < h - 1 and 0 < j < w - 1:
            out[i, j] = (x[i - 1, j] + x[i + 1, j] + x[i, j - 1] + x[i, j + 1]) / 4
        else:
            out[i, j] = x[i, j]
