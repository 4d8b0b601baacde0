"""New temperatures where neighbours still read the old ones: a race."""

from dlpar.gpu import cuda

CAUGHT = r"your code raised Race"


@cuda.jit
def relax(x, out):
    j, i = cuda.grid(2)
    h, w = x.shape
    if i < h and j < w:
        if 0 < i < h - 1 and 0 < j < w - 1:
            x[i, j] = (x[i - 1, j] + x[i + 1, j] + x[i, j - 1] + x[i, j + 1]) / 4
        out[i, j] = x[i, j]
