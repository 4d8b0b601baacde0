"""Blocks step by their own size and count the same values again."""

from dlpar.gpu import cuda, int32

CAUGHT = r"counts: your kernel returned"
BINS = 64


@cuda.jit
def histogram(values, counts):
    mine = cuda.shared.array(BINS, int32)
    for b in range(cuda.threadIdx.x, BINS, cuda.blockDim.x):
        mine[b] = 0
    cuda.syncthreads()
    for i in range(cuda.grid(1), values.size, cuda.blockDim.x):
        cuda.atomic.add(mine, values[i], 1)
    cuda.syncthreads()
    for b in range(cuda.threadIdx.x, BINS, cuda.blockDim.x):
        cuda.atomic.add(counts, b, mine[b])
