"""Lanes fetch different rows of w: 32 sectors a request."""

from dlpar.gpu import cuda, float32

CAUGHT = r"1152 global load sectors, par is 256"
TILE = 32


@cuda.jit
def layer(x, w, y):
    tile_x = cuda.shared.array((TILE, TILE), float32)
    tile_w = cuda.shared.array((TILE, 33), float32)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    column, row = cuda.grid(2)
    from_w = column
    b, n, k = y.shape[0], y.shape[1], x.shape[1]
    total = float32(0)
    for p in range(0, k, TILE):
        inside = p + tx < k
        inside_x, inside_w = row < b and inside, from_w < n and p + ty < k
        tile_x[ty, tx] = x[row, p + tx] if inside_x else float32(0)
        tile_w[tx, ty] = w[from_w, p + ty] if inside_w else float32(0)
        cuda.syncthreads()
        for q in range(TILE):
            total += tile_x[ty, q] * tile_w[tx, q]
        cuda.syncthreads()
    if row < b and column < n:
        y[row, column] = total
