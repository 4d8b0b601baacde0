"""Every value is an atomic on the global counters."""

from dlpar.gpu import cuda

CAUGHT = r"atomic sectors, par is 16"
BINS = 64


@cuda.jit
def histogram(values, counts):
    for i in range(cuda.grid(1), values.size, cuda.gridsize(1)):
        cuda.atomic.add(counts, values[i], 1)
