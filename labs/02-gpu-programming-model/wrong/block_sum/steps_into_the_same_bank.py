"""The first threads work, at addresses that are a power of two apart."""

from dlpar.gpu import cuda, float32

CAUGHT = r"n=256, grid=4, block=64: \d+ bank conflicts, par is 0"
MOST = 512


@cuda.jit
def block_sum(x, partial):
    cache = cuda.shared.array(MOST, float32)
    t, i = cuda.threadIdx.x, cuda.grid(1)
    cache[t] = x[i] if i < x.size else 0.0
    cuda.syncthreads()
    stride = 1
    while stride < cuda.blockDim.x:
        k = 2 * stride * t
        if k < cuda.blockDim.x:
            cache[k] += cache[k + stride]
        cuda.syncthreads()
        stride *= 2
    if t == 0:
        partial[cuda.blockIdx.x] = cache[0]
