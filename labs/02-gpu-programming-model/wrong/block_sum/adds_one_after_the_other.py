"""Thread 0 does it all while the others look on."""

from dlpar.gpu import cuda, float32

CAUGHT = r"shared requests, par is"
MOST = 512


@cuda.jit
def block_sum(x, partial):
    cache = cuda.shared.array(MOST, float32)
    t, i = cuda.threadIdx.x, cuda.grid(1)
    cache[t] = x[i] if i < x.size else 0.0
    cuda.syncthreads()
    total = 0.0
    if t == 0:
        for k in range(cuda.blockDim.x):
            total += cache[k]
    if t == 0:
        partial[cuda.blockIdx.x] = total
