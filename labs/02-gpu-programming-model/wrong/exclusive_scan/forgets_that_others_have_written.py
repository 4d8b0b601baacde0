"""No barrier after the writes: the next step reads too early."""

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
        left = sums[t - reach] if t >= reach else 0.0
        cuda.syncthreads()
        sums[t] += left
        reach *= 2
    if t < x.size:
        out[t] = sums[t]
