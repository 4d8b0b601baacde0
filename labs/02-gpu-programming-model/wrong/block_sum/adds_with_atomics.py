"""The sum is right, but the threads queue up for one element."""

from dlpar.gpu import cuda

CAUGHT = r"\d+ (global store requests|atomic requests), par is"
MOST = 512


@cuda.jit
def block_sum(x, partial):
    t, i = cuda.threadIdx.x, cuda.grid(1)
    if t == 0:
        partial[cuda.blockIdx.x] = 0.0
    cuda.syncthreads()
    if i < x.size:
        cuda.atomic.add(partial, cuda.blockIdx.x, x[i])
