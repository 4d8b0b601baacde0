"""Adds at once: the neighbour on the left may be before or after its own step."""

from dlpar.gpu import cuda, float32

CAUGHT = r"your code raised Race"
MOST = 512


@cuda.jit
def exclusive_scan(x, out):
    sums = cuda.shared.array(MOST, float32)
    t = cuda.threadIdx.x
    sums[t] = x[t - 1] if 0 < t <= x.size else 0.0
    cuda.syncthreads()
    reach = 1
    while reach < cuda.blockDim.x:
        if t >= reach:
            sums[t] += sums[t - reach]
        cuda.syncthreads()
        reach *= 2
    if t < x.size:
        out[t] = sums[t]
