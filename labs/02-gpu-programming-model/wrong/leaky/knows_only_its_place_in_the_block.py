"""threadIdx alone: every block does the first elements again."""

from dlpar.gpu import cuda

CAUGHT = r"n=64, grid=2, block=32: out: your kernel returned nan at \[32\]"


@cuda.jit
def leaky(x, out):
    i = cuda.threadIdx.x
    if i < x.size:
        v = x[i]
        out[i] = v if v > 0 else v / 8
