"""Thread 0 adds up alone: right, and slow."""

from dlpar.gpu import cuda, float32

CAUGHT = r"shared requests, par is"
MOST = 512


@cuda.jit
def exclusive_scan(x, out):
    sums = cuda.shared.array(MOST, float32)
    t = cuda.threadIdx.x
    sums[t] = x[t - 1] if 0 < t <= x.size else 0.0
    cuda.syncthreads()
    if t == 0:
        for k in range(1, cuda.blockDim.x):
            sums[k] += sums[k - 1]
    cuda.syncthreads()
    if t < x.size:
        out[t] = sums[t]
