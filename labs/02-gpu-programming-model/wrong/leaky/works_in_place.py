"""Writes the result back into x."""

from dlpar.gpu import cuda

CAUGHT = r"out: your kernel returned nan"


@cuda.jit
def leaky(x, out):
    i = cuda.grid(1)
    if i < x.size:
        v = x[i]
        x[i] = v if v > 0 else v / 8
