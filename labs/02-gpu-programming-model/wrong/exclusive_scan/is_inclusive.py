"""out[i] holds x[i], too."""

from dlpar.gpu import cuda, float32

CAUGHT = r"n=64, .*: out: your kernel returned"
MOST = 512


@cuda.jit
def exclusive_scan(x, out):
    sums = cuda.shared.array(MOST, float32)
    t = cuda.threadIdx.x
    sums[t] = x[t] if t < x.size else 0.0
    cuda.syncthreads()
    reach = 1
    while reach < cuda.blockDim.x:
        left = sums[t - reach] if t >= reach else 0.0
        cuda.syncthreads()
        sums[t] += left
        cuda.syncthreads()
        reach *= 2
    if t < x.size:
        out[t] = sums[t]
