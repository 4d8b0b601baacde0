"""What a tensor core does to one tile, in plain threads: D = A B + C with A and B in 16 bits."""

import numpy as np

from dlpar.gpu import cuda, float16, float32
from dlpar.kernels.launching import at_home, blocks_for, on_device

TILE = 16  # a tensor core's tile on the level of warps: 16 x 16 x 16


@cuda.jit
def tile_mma(a, b, c, d):
    """d = a @ b + c; products of 16-bit numbers are summed in 32 bits, as tensor cores do.

    A product of two float16 has at most 22 significant bits: exact in float32, whose sums round.
    a : (m, k), b : (k, n) float16, c : (m, n) float32, device.  d : (m, n) float32, overwritten.
    Launch [(ceil(n / TILE), ceil(m / TILE)), (TILE, TILE)]. Shared: 4 * TILE**2 bytes a block.
    Source: Micikevicius et al., "Mixed Precision Training", ICLR 2018, section 3.3.
    """
    tile_a = cuda.shared.array((TILE, TILE), float16)
    tile_b = cuda.shared.array((TILE, TILE), float16)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    column, row = cuda.grid(2)
    m, n, k = d.shape[0], d.shape[1], a.shape[1]
    total = c[row, column] if row < m and column < n else float32(0)
    for first in range(0, k, TILE):
        inside_a = row < m and first + tx < k
        inside_b = first + ty < k and column < n
        tile_a[ty, tx] = a[row, first + tx] if inside_a else float16(0)
        tile_b[ty, tx] = b[first + ty, column] if inside_b else float16(0)
        cuda.syncthreads()
        for p in range(TILE):
            total += float32(tile_a[ty, p]) * float32(tile_b[p, tx])
        cuda.syncthreads()
    if row < m and column < n:
        d[row, column] = total


@cuda.jit
def tile_mma_float16(a, b, c, d):
    """d = a @ b + c with the sum rounded to float16 after every product: what float32 is for.

    From 2048 on a float16 does not change when 1 is added: long sums stand still.
    a : (m, k), b : (k, n), c : (m, n) float16, device.  d : (m, n) float16, overwritten.
    Launch [(ceil(n / TILE), ceil(m / TILE)), (TILE, TILE)]. Shared: 4 * TILE**2 bytes a block.
    Source: Micikevicius et al., "Mixed Precision Training", ICLR 2018, section 3.3.
    """
    tile_a = cuda.shared.array((TILE, TILE), float16)
    tile_b = cuda.shared.array((TILE, TILE), float16)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    column, row = cuda.grid(2)
    m, n, k = d.shape[0], d.shape[1], a.shape[1]
    total = c[row, column] if row < m and column < n else float16(0)
    for first in range(0, k, TILE):
        inside_a = row < m and first + tx < k
        inside_b = first + ty < k and column < n
        tile_a[ty, tx] = a[row, first + tx] if inside_a else float16(0)
        tile_b[ty, tx] = b[first + ty, column] if inside_b else float16(0)
        cuda.syncthreads()
        for p in range(TILE):
            product = float32(tile_a[ty, p]) * float32(tile_b[p, tx])
            total = float16(float32(total) + product)  # 11 significant bits remain
        cuda.syncthreads()
    if row < m and column < n:
        d[row, column] = total


def mma(a, b, c, kernel=tile_mma):
    """Return a @ b + c for `a`, (m, k), and `b`, (k, n), float16.

    c : (m, n), in the type in which sums are kept, as the result is: float32 with `tile_mma`,
    float16 with `tile_mma_float16`.
    Raises ValueError if the shapes do not fit or the types are others.
    """
    kept = np.float16 if kernel is tile_mma_float16 else np.float32
    given, a = a, on_device("a", a, ndim=2, dtype=np.float16)
    b, c = on_device("b", b, ndim=2, dtype=np.float16), on_device("c", c, ndim=2, dtype=kept)
    m, n = a.shape[0], b.shape[1]
    if a.shape[1] != b.shape[0] or tuple(c.shape) != (m, n):
        raise ValueError(f"the shapes do not fit: {a.shape} @ {b.shape} + {c.shape}")
    d = cuda.device_array((m, n), kept)
    if d.size:
        kernel[(blocks_for(n, TILE), blocks_for(m, TILE)), (TILE, TILE)](a, b, c, d)
    return at_home(d, given)
