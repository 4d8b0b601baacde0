"""A block of 32 has no thread for the bins from 32 on."""

from dlpar.gpu import cuda, int32

CAUGHT = r"block=32, .*: your code raised (Uninitialized|Race)|block=32, .*: counts: your kernel"
BINS = 64


@cuda.jit
def histogram(values, counts):
    mine = cuda.shared.array(BINS, int32)
    t = cuda.threadIdx.x
    if t < BINS:
        mine[t] = 0
    cuda.syncthreads()
    for i in range(cuda.grid(1), values.size, cuda.gridsize(1)):
        cuda.atomic.add(mine, values[i], 1)
    cuda.syncthreads()
    if t < BINS:
        cuda.atomic.add(counts, t, mine[t])
