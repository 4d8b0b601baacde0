"""Threads without an element return, and are missed at the barriers."""

from dlpar.gpu import cuda, float32

CAUGHT = r"n=100, grid=1, block=128: your code raised Uninitialized"
MOST = 512


@cuda.jit
def block_sum(x, partial):
    cache = cuda.shared.array(MOST, float32)
    t, i = cuda.threadIdx.x, cuda.grid(1)
    if i >= x.size:
        return
    cache[t] = x[i]
    cuda.syncthreads()
    stride = cuda.blockDim.x // 2
    while stride > 0:
        if t < stride:
            cache[t] += cache[t + stride]
        cuda.syncthreads()
        stride //= 2
    if t == 0:
        partial[cuda.blockIdx.x] = cache[0]
