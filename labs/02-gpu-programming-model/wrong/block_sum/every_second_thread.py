"""Interleaved: the lanes at work are spread over all warps."""

from dlpar.gpu import cuda, float32

CAUGHT = r"shared requests, par is"
MOST = 512


@cuda.jit
def block_sum(x, partial):
    cache = cuda.shared.array(MOST, float32)
    t, i = cuda.threadIdx.x, cuda.grid(1)
    cache[t] = x[i] if i < x.size else 0.0
    cuda.syncthreads()
    stride = 1
    while stride < cuda.blockDim.x:
        if t % (2 * stride) == 0:
            cache[t] += cache[t + stride]
        cuda.syncthreads()
        stride *= 2
    if t == 0:
        partial[cuda.blockIdx.x] = cache[0]
