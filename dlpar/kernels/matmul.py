"""Matrix products: each step reads less of memory for the same arithmetic."""

import functools

import numpy as np

from dlpar.gpu import cuda, float32
from dlpar.kernels.launching import at_home, blocks_for, on_device

TILE = 16  # of the naive and the tiled kernel: a block has TILE x TILE threads
BLOCK, DEPTH, REGISTERS = 32, 8, 4  # of the register-blocked kernel, see there
SIDE = BLOCK // REGISTERS  # its blocks have SIDE x SIDE threads
PITCH = BLOCK + SIDE  # words from row to row of its tile of b: a warp's four rows lie in 32 banks


@cuda.jit
def matmul_naive(a, b, c):
    """c = a @ b; one thread an element of `c`, which reads a row of `a` and a column of `b`.

    a : (m, k), b : (k, n) float32, device.  c : (m, n) float32, device, overwritten.
    Launch [(ceil(n / TILE), ceil(m / TILE)), (TILE, TILE)]. Loads: 2 m n k elements.
    Source: CUDA C++ Programming Guide, section 3.2.4, "Shared Memory".
    """
    column, row = cuda.grid(2)
    if row < c.shape[0] and column < c.shape[1]:
        total = float32(0)
        for p in range(a.shape[1]):
            total += a[row, p] * b[p, column]
        c[row, column] = total


@functools.cache
def make_tiled(tile):
    """Return the tiled kernel for tiles of `tile` x `tile`: a constant when it is compiled."""

    @cuda.jit
    def matmul_tiled(a, b, c):
        """c = a @ b; a block loads a tile of `a` and one of `b`, and uses each element often.

        a : (m, k), b : (k, n) float32, device.  c : (m, n) float32, device, overwritten.
        Launch [(ceil(n / tile), ceil(m / tile)), (tile, tile)]. Shared: 8 * tile**2 bytes a block.
        Loads: 2 m n k / tile elements. Barriers: 2 for each of the ceil(k / tile) tiles.
        Source: CUDA C++ Programming Guide, section 3.2.4, "Shared Memory".
        """
        tile_a = cuda.shared.array((tile, tile), float32)
        tile_b = cuda.shared.array((tile, tile), float32)
        tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
        column, row = cuda.grid(2)
        m, n, k = c.shape[0], c.shape[1], a.shape[1]
        total = float32(0)
        for first in range(0, k, tile):
            # Beyond the edge a tile holds zeros: all threads must reach the barriers.
            inside_a = row < m and first + tx < k
            inside_b = first + ty < k and column < n
            tile_a[ty, tx] = a[row, first + tx] if inside_a else float32(0)
            tile_b[ty, tx] = b[first + ty, column] if inside_b else float32(0)
            cuda.syncthreads()  # the tiles are whole
            for p in range(tile):
                total += tile_a[ty, p] * tile_b[p, tx]
            cuda.syncthreads()  # everybody has read them: they may be overwritten
        if row < m and column < n:
            c[row, column] = total

    return matmul_tiled


matmul_tiled = make_tiled(TILE)


@cuda.jit
def matmul_registers(a, b, c):
    """c = a @ b; a thread computes REGISTERS x REGISTERS elements from words kept in registers.

    a : (m, k), b : (k, n) float32, device.  c : (m, n) float32, device, overwritten.
    Launch [(ceil(n / BLOCK), ceil(m / BLOCK)), (SIDE, SIDE)], SIDE = BLOCK / REGISTERS.
    Shared: 4 * DEPTH * (BLOCK + PITCH) bytes a block. Loads: 2 m n k / BLOCK elements from global
    memory, and 2 m n k / REGISTERS from shared memory, where the tiled kernel needs 2 m n k.
    Source: Volkov and Demmel, "Benchmarking GPUs to Tune Dense Linear Algebra", SC 2008.
    """
    tile_a = cuda.shared.array((BLOCK, DEPTH), float32)
    tile_b = cuda.shared.array((DEPTH, PITCH), float32)
    from_b = cuda.local.array(REGISTERS, float32)
    total = cuda.local.array((REGISTERS, REGISTERS), float32)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    top, left = cuda.blockIdx.y * BLOCK, cuda.blockIdx.x * BLOCK
    m, n, k = c.shape[0], c.shape[1], a.shape[1]
    for i in range(REGISTERS):
        for j in range(REGISTERS):
            total[i, j] = float32(0)
    for first in range(0, k, DEPTH):
        for i in range(REGISTERS):  # SIDE = DEPTH: one column of `a`, one row of `b` a thread
            row, column = top + ty + i * SIDE, left + tx + i * SIDE
            inside_a, inside_b = row < m and first + tx < k, first + ty < k and column < n
            tile_a[ty + i * SIDE, tx] = a[row, first + tx] if inside_a else float32(0)
            tile_b[ty, tx + i * SIDE] = b[first + ty, column] if inside_b else float32(0)
        cuda.syncthreads()
        for p in range(DEPTH):
            for j in range(REGISTERS):
                from_b[j] = tile_b[p, tx + j * SIDE]
            for i in range(REGISTERS):
                from_a = tile_a[ty + i * SIDE, p]
                for j in range(REGISTERS):
                    total[i, j] += from_a * from_b[j]
        cuda.syncthreads()
    for i in range(REGISTERS):
        for j in range(REGISTERS):
            row, column = top + ty + i * SIDE, left + tx + j * SIDE
            if row < m and column < n:
                c[row, column] = total[i, j]


def matmul(a, b, kernel=matmul_tiled, tile=TILE):
    """Return a @ b for `a`, (m, k), and `b`, (k, n), float32, by one of the kernels above.

    tile : side of a block in threads; for `make_tiled(tile)` the same as there.
    Raises ValueError if the shapes do not fit or the types are others.
    """
    given, a, b = a, on_device("a", a, 2), on_device("b", b, 2)
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"a has {a.shape[1]} columns, b {b.shape[0]} rows: {a.shape} @ {b.shape}")
    m, n = a.shape[0], b.shape[1]
    c = cuda.device_array((m, n), np.float32)
    if c.size:
        covers, side = (BLOCK, SIDE) if kernel is matmul_registers else (tile, tile)
        kernel[(blocks_for(n, covers), blocks_for(m, covers)), (side, side)](a, b, c)
    return at_home(c, given)
