"""Sums by trees: the seven steps of Harris, and the shuffle that came after them."""

import numpy as np

from dlpar.gpu import cuda, float32
from dlpar.kernels.launching import blocks_for, on_device
from dlpar.kernels.warps import WARP, warp_sum

THREADS = 128  # per block; a power of two from 64 on, since the trees below halve it
WARPS = THREADS // WARP  # per block
MOST_BLOCKS = 64  # of the kernels that loop over the grid: enough to fill a card


@cuda.jit
def sum_divergent(x, partial):
    """partial[b] = sum of block b's slice of `x`; interleaved, the lanes of a warp part.

    x : (n,) float32, device.  partial : (blocks,) float32, device, overwritten.
    Launch [blocks, THREADS] with blocks * THREADS >= n. Shared: 4 * THREADS bytes a block.
    Source: Harris, "Optimizing Parallel Reduction in CUDA", kernel 1.
    """
    cache = cuda.shared.array(THREADS, float32)
    t, i = cuda.threadIdx.x, cuda.grid(1)
    cache[t] = x[i] if i < x.size else float32(0)  # idle threads add 0
    cuda.syncthreads()
    stride = 1
    while stride < THREADS:
        if t % (2 * stride) == 0:  # half of the lanes, a quarter, ..., all over every warp
            cache[t] += cache[t + stride]
        cuda.syncthreads()  # outside the `if`: a barrier in a divergent branch is undefined
        stride *= 2
    if t == 0:
        partial[cuda.blockIdx.x] = cache[0]


@cuda.jit
def sum_conflicting(x, partial):
    """partial[b] = sum of block b's slice of `x`; interleaved, whole warps work, banks collide.

    x : (n,) float32, device.  partial : (blocks,) float32, device, overwritten.
    Launch [blocks, THREADS] with blocks * THREADS >= n. Shared: 4 * THREADS bytes a block.
    Source: Harris, "Optimizing Parallel Reduction in CUDA", kernel 2.
    """
    cache = cuda.shared.array(THREADS, float32)
    t, i = cuda.threadIdx.x, cuda.grid(1)
    cache[t] = x[i] if i < x.size else float32(0)
    cuda.syncthreads()
    stride = 1
    while stride < THREADS:
        k = 2 * stride * t  # neighbouring lanes lie 2 * stride apart: in the same few banks
        if k < THREADS:
            cache[k] += cache[k + stride]
        cuda.syncthreads()
        stride *= 2
    if t == 0:
        partial[cuda.blockIdx.x] = cache[0]


@cuda.jit
def sum_sequential(x, partial):
    """partial[b] = sum of block b's slice of `x`; the active lanes and their elements adjoin.

    x : (n,) float32, device.  partial : (blocks,) float32, device, overwritten.
    Launch [blocks, THREADS] with blocks * THREADS >= n. Shared: 4 * THREADS bytes a block.
    Source: Harris, "Optimizing Parallel Reduction in CUDA", kernel 3.
    """
    cache = cuda.shared.array(THREADS, float32)
    t, i = cuda.threadIdx.x, cuda.grid(1)
    cache[t] = x[i] if i < x.size else float32(0)
    cuda.syncthreads()
    stride = THREADS // 2
    while stride > 0:
        if t < stride:
            cache[t] += cache[t + stride]
        cuda.syncthreads()
        stride //= 2
    if t == 0:
        partial[cuda.blockIdx.x] = cache[0]


@cuda.jit(device=True)
def two_of(x, i):
    """Return x[i] + x[i + THREADS], with 0 for what lies beyond the end."""
    total = x[i] if i < x.size else float32(0)
    if i + THREADS < x.size:
        total += x[i + THREADS]
    return total


@cuda.jit
def sum_on_load(x, partial):
    """partial[b] = sum of block b's slice of `x`; every thread adds two elements as it loads.

    x : (n,) float32, device.  partial : (blocks,) float32, device, overwritten.
    Launch [blocks, THREADS] with blocks * 2 * THREADS >= n. Shared: 4 * THREADS bytes a block.
    Source: Harris, "Optimizing Parallel Reduction in CUDA", kernel 4.
    """
    cache = cuda.shared.array(THREADS, float32)
    t = cuda.threadIdx.x
    cache[t] = two_of(x, cuda.blockIdx.x * 2 * THREADS + t)
    cuda.syncthreads()
    stride = THREADS // 2
    while stride > 0:
        if t < stride:
            cache[t] += cache[t + stride]
        cuda.syncthreads()
        stride //= 2
    if t == 0:
        partial[cuda.blockIdx.x] = cache[0]


@cuda.jit(device=True)
def sum_last_warp(cache, t):
    """Return in lane 0 the sum of cache[0 .. 63], (THREADS,) float32, shared; for t < 32 only.

    Harris wrote no barrier here: in 2007 the lanes of a warp moved as one. Since Volta each lane
    has a program counter of its own, and one may overwrite what its neighbour has yet to read. So
    every lane keeps its sum in a register, and syncwarp stands between reading and writing.
    Source: "Using CUDA Warp-Level Primitives", NVIDIA, 2018.
    """
    total = cache[t] + cache[t + 32]
    cuda.syncwarp()
    cache[t] = total
    cuda.syncwarp()
    total += cache[t + 16]
    cuda.syncwarp()
    cache[t] = total
    cuda.syncwarp()
    total += cache[t + 8]
    cuda.syncwarp()
    cache[t] = total
    cuda.syncwarp()
    total += cache[t + 4]
    cuda.syncwarp()
    cache[t] = total
    cuda.syncwarp()
    total += cache[t + 2]
    cuda.syncwarp()
    cache[t] = total
    cuda.syncwarp()
    return total + cache[t + 1]


@cuda.jit
def sum_last_warp_unrolled(x, partial):
    """partial[b] = sum of block b's slice of `x`; one warp finishes without block-wide barriers.

    x : (n,) float32, device.  partial : (blocks,) float32, device, overwritten.
    Launch [blocks, THREADS] with blocks * 2 * THREADS >= n. Shared: 4 * THREADS bytes a block.
    Source: Harris, "Optimizing Parallel Reduction in CUDA", kernel 5, with today's barriers.
    """
    cache = cuda.shared.array(THREADS, float32)
    t = cuda.threadIdx.x
    cache[t] = two_of(x, cuda.blockIdx.x * 2 * THREADS + t)
    cuda.syncthreads()
    stride = THREADS // 2
    while stride > 32:
        if t < stride:
            cache[t] += cache[t + stride]
        cuda.syncthreads()
        stride //= 2
    if t < 32:  # no barrier of the block from here on
        total = sum_last_warp(cache, t)
        if t == 0:
            partial[cuda.blockIdx.x] = total


@cuda.jit(device=True)
def sum_tree(cache, t):
    """Return in lane 0 the sum of cache, (THREADS,) float32, shared; all threads call it.

    THREADS is a constant to the compiler, so that only the steps that are needed remain: no loop.
    """
    if THREADS >= 1024:
        if t < 512:
            cache[t] += cache[t + 512]
        cuda.syncthreads()
    if THREADS >= 512:
        if t < 256:
            cache[t] += cache[t + 256]
        cuda.syncthreads()
    if THREADS >= 256:
        if t < 128:
            cache[t] += cache[t + 128]
        cuda.syncthreads()
    if THREADS >= 128:
        if t < 64:
            cache[t] += cache[t + 64]
        cuda.syncthreads()
    total = float32(0)
    if t < 32:
        total = sum_last_warp(cache, t)
    return total


@cuda.jit
def sum_unrolled(x, partial):
    """partial[b] = sum of block b's slice of `x`; the whole tree is written out.

    x : (n,) float32, device.  partial : (blocks,) float32, device, overwritten.
    Launch [blocks, THREADS] with blocks * 2 * THREADS >= n. Shared: 4 * THREADS bytes a block.
    Source: Harris, "Optimizing Parallel Reduction in CUDA", kernel 6.
    """
    cache = cuda.shared.array(THREADS, float32)
    t = cuda.threadIdx.x
    cache[t] = two_of(x, cuda.blockIdx.x * 2 * THREADS + t)
    cuda.syncthreads()
    total = sum_tree(cache, t)
    if t == 0:
        partial[cuda.blockIdx.x] = total


@cuda.jit
def sum_grid_stride(x, partial):
    """partial[b] = sum of block b's share of `x`; every thread adds many elements, then the tree.

    x : (n,) float32, device.  partial : (blocks,) float32, device, overwritten.
    Launch [any number of blocks, THREADS]. Shared: 4 * THREADS bytes a block.
    Source: Harris, "Optimizing Parallel Reduction in CUDA", kernel 7.
    """
    cache = cuda.shared.array(THREADS, float32)
    t = cuda.threadIdx.x
    total = float32(0)
    for i in range(cuda.blockIdx.x * 2 * THREADS + t, x.size, 2 * THREADS * cuda.gridDim.x):
        total += two_of(x, i)
    cache[t] = total
    cuda.syncthreads()
    total = sum_tree(cache, t)
    if t == 0:
        partial[cuda.blockIdx.x] = total


@cuda.jit
def sum_shuffle(x, partial):
    """partial[b] = sum of block b's share of `x`; registers are passed from lane to lane.

    x : (n,) float32, device.  partial : (blocks,) float32, device, overwritten.
    Launch [any number of blocks, THREADS]. Shared: THREADS / 8 bytes a block; one barrier.
    Source: "Faster Parallel Reductions on Kepler", NVIDIA, 2014; the masks: CUDA 9.
    """
    warp_sums = cuda.shared.array(WARPS, float32)
    t = cuda.threadIdx.x
    total = float32(0)
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        total += x[i]
    total = warp_sum(total)
    if t % WARP == 0:
        warp_sums[t // WARP] = total
    cuda.syncthreads()
    if t < WARP:  # the first warp adds what the warps have left
        total = warp_sum(warp_sums[t] if t < WARPS else float32(0))
        if t == 0:
            partial[cuda.blockIdx.x] = total


# Elements that a block covers; None: as many as there are, in a loop over the grid.
ELEMENTS = {
    sum_divergent: THREADS,
    sum_conflicting: THREADS,
    sum_sequential: THREADS,
    sum_on_load: 2 * THREADS,
    sum_last_warp_unrolled: 2 * THREADS,
    sum_unrolled: 2 * THREADS,
    sum_grid_stride: None,
    sum_shuffle: None,
}


def gpu_sum(x, kernel=sum_grid_stride):
    """Sum `x`, (n,) float32, with any of the kernels above; return a float.

    Launches until one block suffices: ceil(log(n) / log(elements a block)) times.
    Raises ValueError for another shape or type, and for a kernel that is none of ours.
    """
    if kernel not in ELEMENTS:
        raise ValueError(f"gpu_sum needs a kernel of dlpar.kernels.reduce, got {kernel!r}")
    x = on_device("x", x, 1)
    if x.size == 0:
        return 0.0
    while True:
        blocks = blocks_for(x.size, ELEMENTS[kernel] or 2 * THREADS)
        if ELEMENTS[kernel] is None:
            blocks = min(blocks, MOST_BLOCKS)
        partial = cuda.device_array(blocks, np.float32)
        kernel[blocks, THREADS](x, partial)
        if blocks == 1:
            return float(partial.copy_to_host()[0])
        x = partial
