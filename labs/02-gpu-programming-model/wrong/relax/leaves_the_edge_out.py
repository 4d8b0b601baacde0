"""Nobody writes the points at the edge."""

from dlpar.gpu import cuda

CAUGHT = r"out: your kernel returned nan at \[0, 0\]"


@cuda.jit
def relax(x, out):
    j, i = cuda.grid(2)
    h, w = x.shape
    if 0 < i < h - 1 and 0 < j < w - 1:
        out[i, j] = (x[i - 1, j] + x[i + 1, j] + x[i, j - 1] + x[i, j + 1]) / 4
