"""No barrier before the sums are read: an atomic that adds 0 hides that others still count."""

from dlpar.gpu import cuda, int32

CAUGHT = r"\d+ atomic requests, par is \d+"
BINS = 64


@cuda.jit
def histogram(values, counts):
    bins = cuda.shared.array(BINS, int32)
    t = cuda.threadIdx.x
    for b in range(t, BINS, cuda.blockDim.x):
        bins[b] = 0
    cuda.syncthreads()
    for i in range(cuda.grid(1), values.size, cuda.gridsize(1)):
        cuda.atomic.add(bins, values[i], 1)
    for b in range(t, BINS, cuda.blockDim.x):
        cuda.atomic.add(counts, b, cuda.atomic.add(bins, b, 0))
