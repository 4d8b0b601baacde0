"""Points of the edge have no four neighbours."""

from dlpar.gpu import cuda

CAUGHT = r"your code raised OutOfRange"


@cuda.jit
def relax(x, out):
    j, i = cuda.grid(2)
    h, w = x.shape
    if i < h and j < w:
        out[i, j] = (x[i - 1, j] + x[i + 1, j] + x[i, j - 1] + x[i, j + 1]) / 4
