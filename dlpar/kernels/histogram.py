"""Histograms: many threads, few counters, and atomics so that no count is lost."""

import numpy as np

from dlpar.gpu import cuda, int32
from dlpar.kernels.launching import THREADS, at_home, blocks_for, on_device

MOST_BLOCKS = 64  # each block of the shared kernel adds its counters to the global ones once
MOST_BINS = 48 * 1024 // 4  # that fit the shared memory of a block


@cuda.jit
def histogram_global(x, counts):
    """counts[v] += how often v occurs in `x`; every thread adds to global memory.

    x : (n,) int32, device; values outside 0 .. bins - 1 are not counted.
    counts : (bins,) int32, device, changed. Launch any [blocks, threads]. n global atomics.
    Source: Sanders and Kandrot, "CUDA by Example", chapter 9.
    """
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        if 0 <= x[i] < counts.size:
            cuda.atomic.add(counts, x[i], 1)


@cuda.jit
def histogram_shared(x, counts):
    """counts[v] += how often v occurs in `x`; every block counts for itself, and adds up once.

    x : (n,) int32, device; values outside 0 .. bins - 1 are not counted.
    counts : (bins,) int32, device, changed.
    Launch [blocks, threads, 0, 4 * bins]: dynamic shared memory. n shared atomics, and
    blocks * bins global ones.
    Source: Sanders and Kandrot, "CUDA by Example", chapter 9.
    """
    mine = cuda.shared.array(0, int32)  # of the block
    t, bins = cuda.threadIdx.x, counts.size
    for v in range(t, bins, cuda.blockDim.x):
        mine[v] = 0
    cuda.syncthreads()
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        if 0 <= x[i] < bins:
            cuda.atomic.add(mine, x[i], 1)
    cuda.syncthreads()
    for v in range(t, bins, cuda.blockDim.x):
        cuda.atomic.add(counts, v, mine[v])


def histogram(x, bins, kernel=histogram_shared):
    """Return (bins,) int32: how often each of 0 .. bins - 1 occurs in `x`, (n,) int32.

    Values outside are not counted. Raises ValueError for another shape or type, and unless
    1 <= bins <= 12,288, which is what fits a block's shared memory.
    """
    if not 1 <= bins <= MOST_BINS:
        raise ValueError(f"histogram needs 1 to {MOST_BINS:,} bins, got {bins}")
    given, x = x, on_device("x", x, 1, np.int32)
    counts = cuda.to_device(np.zeros(bins, np.int32))
    if x.size:
        blocks = min(blocks_for(x.size), MOST_BLOCKS)
        shared_nbytes = 4 * bins if kernel is histogram_shared else 0
        kernel[blocks, THREADS, 0, shared_nbytes](x, counts)
    return at_home(counts, given)
