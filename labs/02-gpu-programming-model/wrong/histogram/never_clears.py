"""Shared memory holds anything when a block starts."""

from dlpar.gpu import cuda, int32

CAUGHT = r"your code raised Uninitialized"
BINS = 64


@cuda.jit
def histogram(values, counts):
    mine = cuda.shared.array(BINS, int32)
    cuda.syncthreads()
    for i in range(cuda.grid(1), values.size, cuda.gridsize(1)):
        cuda.atomic.add(mine, values[i], 1)
    cuda.syncthreads()
    for b in range(cuda.threadIdx.x, BINS, cuda.blockDim.x):
        cuda.atomic.add(counts, b, mine[b])
