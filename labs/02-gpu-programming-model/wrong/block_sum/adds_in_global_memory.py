"""Everybody adds to one place at once."""

from dlpar.gpu import cuda

CAUGHT = r"your code raised Race|returned nan"
MOST = 512


@cuda.jit
def block_sum(x, partial):
    t, i = cuda.threadIdx.x, cuda.grid(1)
    if t == 0:
        partial[cuda.blockIdx.x] = 0.0
    cuda.syncthreads()
    if i < x.size:
        partial[cuda.blockIdx.x] += x[i]
