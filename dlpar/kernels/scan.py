"""Prefix sums: what looks as if it had to be done one after the other, in log2(n) steps."""

import numpy as np

from dlpar.gpu import cuda, float32
from dlpar.kernels.launching import at_home, blocks_for, on_device

THREADS = 128  # per block; a power of two, since the trees below halve it
ELEMENTS = 2 * THREADS  # of a block of Blelloch's kernels
BANKS = 32  # of shared memory, one word of 4 bytes wide each
PADDED = ELEMENTS + ELEMENTS // BANKS  # words of a padded tree


@cuda.jit
def scan_hillis_steele(x, out, totals):
    """out = inclusive prefix sums of each block's slice of `x`; totals[b] = the slice's sum.

    After the step with distance d, element i holds the sum of the 2 d elements that end there.
    x, out : (n,) float32, device; `out` is overwritten.  totals : (blocks,), overwritten.
    Launch [blocks, THREADS] with blocks * THREADS >= n. Shared: 8 * THREADS bytes a block, two
    buffers: one is read while the other is written. Adds n log2(n) times, log2(n) + 1 barriers.
    Source: Hillis and Steele, "Data Parallel Algorithms", CACM 1986.
    """
    buffer = cuda.shared.array((2, THREADS), float32)
    t, i = cuda.threadIdx.x, cuda.grid(1)
    buffer[0, t] = x[i] if i < x.size else float32(0)
    cuda.syncthreads()
    now, distance = 0, 1
    while distance < THREADS:
        total = buffer[now, t]
        if t >= distance:
            total += buffer[now, t - distance]
        now = 1 - now
        buffer[now, t] = total
        cuda.syncthreads()
        distance *= 2
    if i < x.size:
        out[i] = buffer[now, t]
    if t == THREADS - 1:
        totals[cuda.blockIdx.x] = buffer[now, t]


@cuda.jit
def scan_blelloch(x, out, totals):
    """out = exclusive prefix sums of each block's slice of `x`; totals[b] = the slice's sum.

    Up the tree every node takes the sum of its two children; down again, every node hands its
    prefix to the left child, and to the right one the prefix and the left one's sum.
    x, out : (n,) float32, device; `out` is overwritten.  totals : (blocks,), overwritten.
    Launch [blocks, THREADS] with blocks * ELEMENTS >= n. Shared: 4 * ELEMENTS bytes a block.
    Adds 2 n times, 2 log2(ELEMENTS) + 2 barriers; strides of powers of two collide in the banks.
    Source: Blelloch, "Prefix Sums and Their Applications", CMU-CS-90-190, 1990.
    """
    tree = cuda.shared.array(ELEMENTS, float32)
    t, first = cuda.threadIdx.x, cuda.blockIdx.x * ELEMENTS
    i, j = first + t, first + t + THREADS
    tree[t] = x[i] if i < x.size else float32(0)
    tree[t + THREADS] = x[j] if j < x.size else float32(0)
    stride = 1
    while stride < ELEMENTS:
        cuda.syncthreads()
        right = 2 * stride * (t + 1) - 1
        if right < ELEMENTS:
            tree[right] += tree[right - stride]
        stride *= 2
    cuda.syncthreads()
    if t == 0:
        totals[cuda.blockIdx.x] = tree[ELEMENTS - 1]
        tree[ELEMENTS - 1] = float32(0)
    while stride > 1:
        stride //= 2
        cuda.syncthreads()
        right = 2 * stride * (t + 1) - 1
        if right < ELEMENTS:
            left_sum = tree[right - stride]
            tree[right - stride] = tree[right]
            tree[right] += left_sum
    cuda.syncthreads()
    if i < x.size:
        out[i] = tree[t]
    if j < x.size:
        out[j] = tree[t + THREADS]


@cuda.jit(device=True)
def padded(i):
    """Return where element i lies if a word is left free after every BANKS elements."""
    return i + i // BANKS


@cuda.jit
def scan_blelloch_padded(x, out, totals):
    """As `scan_blelloch`, with a free word after every 32: lanes a power of two apart do not meet.

    x, out : (n,) float32, device; `out` is overwritten.  totals : (blocks,), overwritten.
    Launch [blocks, THREADS] with blocks * ELEMENTS >= n.
    Shared: 4 * (ELEMENTS + ELEMENTS / 32) bytes a block.
    Source: Harris, Sengupta and Owens, "Parallel Prefix Sum (Scan) with CUDA", GPU Gems 3, 39.2.3.
    """
    tree = cuda.shared.array(PADDED, float32)
    t, first = cuda.threadIdx.x, cuda.blockIdx.x * ELEMENTS
    i, j = first + t, first + t + THREADS
    tree[padded(t)] = x[i] if i < x.size else float32(0)
    tree[padded(t + THREADS)] = x[j] if j < x.size else float32(0)
    stride = 1
    while stride < ELEMENTS:
        cuda.syncthreads()
        right = 2 * stride * (t + 1) - 1
        if right < ELEMENTS:
            tree[padded(right)] += tree[padded(right - stride)]
        stride *= 2
    cuda.syncthreads()
    if t == 0:
        totals[cuda.blockIdx.x] = tree[padded(ELEMENTS - 1)]
        tree[padded(ELEMENTS - 1)] = float32(0)
    while stride > 1:
        stride //= 2
        cuda.syncthreads()
        right = 2 * stride * (t + 1) - 1
        if right < ELEMENTS:
            left_sum = tree[padded(right - stride)]
            tree[padded(right - stride)] = tree[padded(right)]
            tree[padded(right)] += left_sum
    cuda.syncthreads()
    if i < x.size:
        out[i] = tree[padded(t)]
    if j < x.size:
        out[j] = tree[padded(t + THREADS)]


@cuda.jit
def add_offsets(out, offsets, per_block):
    """out[i] += offsets[i // per_block]: what the slices before this one add up to.

    out : (n,) float32, device, changed.  offsets : (ceil(n / per_block),) float32, device.
    Launch [blocks, threads] with blocks * threads >= n.
    Source: Harris, Sengupta and Owens, GPU Gems 3, section 39.2.4.
    """
    i = cuda.grid(1)
    if i < out.size:
        out[i] += offsets[i // per_block]


PER_BLOCK = {
    scan_hillis_steele: THREADS,
    scan_blelloch: ELEMENTS,
    scan_blelloch_padded: ELEMENTS,
}


def scan(x, kernel=scan_blelloch_padded):
    """Return the prefix sums of `x`, (n,) float32, by one of the kernels above.

    Inclusive (out[i] holds x[i] too) with `scan_hillis_steele`, exclusive with Blelloch's. More
    than one block: the blocks' totals are scanned in turn, and added to the blocks after them.
    Raises ValueError for another shape or type, and for a kernel that is none of ours.
    """
    if kernel not in PER_BLOCK:
        raise ValueError(f"scan needs a kernel of dlpar.kernels.scan, got {kernel!r}")
    given, x = x, on_device("x", x, ndim=1)
    out, per_block = cuda.device_array(x.size, np.float32), PER_BLOCK[kernel]
    if x.size:
        blocks = blocks_for(x.size, per_block)
        totals = cuda.device_array(blocks, np.float32)
        kernel[blocks, THREADS](x, out, totals)
        if blocks > 1:
            offsets = scan(totals)
            add_offsets[blocks_for(x.size, THREADS), THREADS](out, offsets, per_block)
    return at_home(out, given)
