"""Brings the next tile while others still use this one."""

from dlpar.gpu import cuda, float16, float32

CAUGHT = r"m=16, n=16, k=64, numbers of about 1: your code raised Race: half_product, line 20"
TILE = 16


@cuda.jit
def half_product(a, b, c, d):
    tile_a = cuda.shared.array((TILE, TILE), float16)
    tile_b = cuda.shared.array((TILE, TILE), float16)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    column, row = cuda.grid(2)
    m, n, k = d.shape[0], d.shape[1], a.shape[1]
    total = float32(0)
    for first in range(0, k, TILE):
        inside_a = row < m and first + tx < k
        inside_b = first + ty < k and column < n
        tile_a[ty, tx] = a[row, first + tx] if inside_a else float16(0)
        tile_b[ty, tx] = b[first + ty, column] if inside_b else float16(0)
        cuda.syncthreads()
        for p in range(TILE):
            total += float32(tile_a[ty, p]) * float32(tile_b[p, tx])
    if row < m and column < n:
        d[row, column] = total + c[row, column]
