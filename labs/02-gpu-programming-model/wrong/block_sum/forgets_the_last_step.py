"""Stops at a stride of 2: two partial sums are left."""

from dlpar.gpu import cuda, float32

CAUGHT = r"partial: your kernel returned"
MOST = 512


@cuda.jit
def block_sum(x, partial):
    cache = cuda.shared.array(MOST, float32)
    t, i = cuda.threadIdx.x, cuda.grid(1)
    cache[t] = x[i] if i < x.size else 0.0
    cuda.syncthreads()
    stride = cuda.blockDim.x // 2
    while stride > 1:
        if t < stride:
            cache[t] += cache[t + stride]
        cuda.syncthreads()
        stride //= 2
    if t == 0:
        partial[cuda.blockIdx.x] = cache[0]
