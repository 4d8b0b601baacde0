"""Each thread adds up all that is before it, from global memory."""

from dlpar.gpu import cuda

CAUGHT = r"global load requests, par is"
MOST = 512


@cuda.jit
def exclusive_scan(x, out):
    t = cuda.threadIdx.x
    if t < x.size:
        total = 0.0
        for k in range(t):
            total += x[k]
        out[t] = total
