"""One barrier between two steps is enough."""

from dlpar.gpu import cuda, float32

CAUGHT = r"13 barriers, par is 7"
MOST = 512


@cuda.jit
def block_sum(x, partial):
    cache = cuda.shared.array(MOST, float32)
    t, i = cuda.threadIdx.x, cuda.grid(1)
    cache[t] = x[i] if i < x.size else 0.0
    cuda.syncthreads()
    stride = cuda.blockDim.x // 2
    while stride > 0:
        if t < stride:
            cache[t] += cache[t + stride]
        cuda.syncthreads()
        cuda.syncthreads()
        stride //= 2
    if t == 0:
        partial[cuda.blockIdx.x] = cache[0]
