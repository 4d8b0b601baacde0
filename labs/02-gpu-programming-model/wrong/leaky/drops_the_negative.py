"""This is the other activation, the one that does not leak."""

from dlpar.gpu import cuda

CAUGHT = r"out: your kernel returned 0\.0"


@cuda.jit
def leaky(x, out):
    i = cuda.grid(1)
    if i < x.size:
        v = x[i]
        out[i] = v if v > 0 else 0
