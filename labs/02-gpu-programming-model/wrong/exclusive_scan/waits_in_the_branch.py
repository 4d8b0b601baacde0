"""Only those with a neighbour so far left come to the barrier."""

from dlpar.gpu import cuda, float32

CAUGHT = r"your code raised DivergentBarrier"
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
            left = sums[t - reach]
            cuda.syncthreads()
            sums[t] += left
        cuda.syncthreads()
        reach *= 2
    if t < x.size:
        out[t] = sums[t]
