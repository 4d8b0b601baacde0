"""An atomic that adds 0 reads x, and is counted as no load."""

from dlpar.gpu import cuda, float32

CAUGHT = r"2 atomic requests, par is 0"


@cuda.jit
def leaky(x, out):
    i = cuda.grid(1)
    if i < x.size:
        v = cuda.atomic.add(x, i, float32(0))
        out[i] = v if v > 0 else v / 8
