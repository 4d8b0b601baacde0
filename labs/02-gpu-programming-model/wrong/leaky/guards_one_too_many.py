"""The guard lets the thread with number n in."""

from dlpar.gpu import cuda

CAUGHT = r"n=1, grid=1, block=32: your code raised OutOfRange"


@cuda.jit
def leaky(x, out):
    i = cuda.grid(1)
    if i <= x.size:
        v = x[i]
        out[i] = v if v > 0 else v / 8
