"""With fewer threads than values the rest is never looked at."""

from dlpar.gpu import cuda, int32

CAUGHT = r"counts: your kernel returned"
BINS = 64


@cuda.jit
def histogram(values, counts):
    mine = cuda.shared.array(BINS, int32)
    for b in range(cuda.threadIdx.x, BINS, cuda.blockDim.x):
        mine[b] = 0
    cuda.syncthreads()
    i = cuda.grid(1)
    if i < values.size:
        cuda.atomic.add(mine, values[i], 1)
    cuda.syncthreads()
    for b in range(cuda.threadIdx.x, BINS, cuda.blockDim.x):
        cuda.atomic.add(counts, b, mine[b])
