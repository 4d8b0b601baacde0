"""A warp whose lanes disagree goes both ways, and stores twice."""

from dlpar.gpu import cuda

CAUGHT = r"global store requests, par is"


@cuda.jit
def leaky(x, out):
    i = cuda.grid(1)
    if i < x.size:
        v = x[i]
        if v > 0:
            out[i] = v
        else:
            out[i] = v / 8
