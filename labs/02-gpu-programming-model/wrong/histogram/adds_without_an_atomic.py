"""Two lanes that meet at a bin lose a count."""

from dlpar.gpu import cuda, int32

CAUGHT = r"your code raised Race"
BINS = 64


@cuda.jit
def histogram(values, counts):
    mine = cuda.shared.array(BINS, int32)
    for b in range(cuda.threadIdx.x, BINS, cuda.blockDim.x):
        mine[b] = 0
    cuda.syncthreads()
    for i in range(cuda.grid(1), values.size, cuda.gridsize(1)):
        mine[values[i]] += 1
    cuda.syncthreads()
    for b in range(cuda.threadIdx.x, BINS, cuda.blockDim.x):
        cuda.atomic.add(counts, b, mine[b])
