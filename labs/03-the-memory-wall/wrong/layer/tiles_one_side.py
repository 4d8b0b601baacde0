"""A tile of w, and x from far away."""

from dlpar.gpu import cuda, float32

CAUGHT = r"1152 global load sectors, par is 256"
TILE = 32


@cuda.jit
def layer(x, w, y):
    tile_w = cuda.shared.array((TILE, 33), float32)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    column, row = cuda.grid(2)
    from_w = cuda.blockIdx.x * TILE + ty
    b, n, k = y.shape[0], y.shape[1], x.shape[1]
    total = float32(0)
    for p in range(0, k, TILE):
        inside = p + tx < k
        inside_w = from_w < n and inside
        tile_w[ty, tx] = w[from_w, p + tx] if inside_w else float32(0)
        cuda.syncthreads()
        for q in range(TILE):
            if row < b and p + q < k:
                total += x[row, p + q] * tile_w[tx, q]
        cuda.syncthreads()
    if row < b and column < n:
        y[row, column] = total
