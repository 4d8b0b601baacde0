"""A linear layer: one tiled matrix product with either side transposed, a bias, a sum of columns.

The launchers take float32 arrays: NumPy arrays come back as NumPy arrays, device arrays stay on
the device. A wrong dtype or shape raises ValueError.
"""

import numpy as np

from dlpar.gpu import cuda, float32
from dlpar.kernels.launching import THREADS, at_home, blocks_for, on_device

TILE = 16
PADDED = TILE + 1  # one column more, so that a column of a tile lies in different banks


@cuda.jit
def gemm(a, b, c, transpose_a, transpose_b, accumulate):
    """c = op(a) op(b), or with `accumulate` c += op(a) op(b); op(x) is x or its transpose.

    op(a) : (m, k), op(b) : (k, n), c : (m, n) float32, device; c overwritten.
    Launch [(ceil(n / TILE), ceil(m / TILE)), (TILE, TILE)]. Shared: 2 * 4 * TILE * PADDED bytes.
    Loads m k ceil(n / TILE) + k n ceil(m / TILE) elements, in rows whichever side is transposed.
    Source: NVIDIA, CUDA C++ Programming Guide, section 3.2.4.
    """
    a_tile = cuda.shared.array((TILE, PADDED), float32)
    b_tile = cuda.shared.array((TILE, PADDED), float32)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    top, left = cuda.blockIdx.y * TILE, cuda.blockIdx.x * TILE
    m, n = c.shape
    depth = a.shape[0] if transpose_a else a.shape[1]
    total = float32(0)
    for start in range(0, depth, TILE):
        # Neighbouring threads read neighbouring elements of a row, also of a transposed matrix.
        i, k = (tx, ty) if transpose_a else (ty, tx)
        a_tile[i, k] = float32(0)
        if top + i < m and start + k < depth:
            a_tile[i, k] = a[start + k, top + i] if transpose_a else a[top + i, start + k]
        k, j = (tx, ty) if transpose_b else (ty, tx)
        b_tile[k, j] = float32(0)
        if left + j < n and start + k < depth:
            b_tile[k, j] = b[left + j, start + k] if transpose_b else b[start + k, left + j]
        cuda.syncthreads()  # the tiles are whole
        for k in range(TILE):
            total += a_tile[ty, k] * b_tile[k, tx]
        cuda.syncthreads()  # nobody overwrites a tile that another still reads
    if top + ty < m and left + tx < n:
        if accumulate:
            total += c[top + ty, left + tx]
        c[top + ty, left + tx] = total


@cuda.jit
def add_to_rows(y, b):
    """y[i] += b for every row i.

    y : (rows, columns) float32, changed in place.  b : (columns,) float32.  Both on the device.
    Launch [blocks, threads] with blocks * threads >= rows * columns.
    """
    i = cuda.grid(1)
    if i < y.size:
        y[i // y.shape[1], i % y.shape[1]] += b[i % y.shape[1]]


@cuda.jit
def sum_columns(x, sums):
    """sums[j] = sum of column j, added up from the first row to the last: the same bits each time.

    x : (rows, columns) float32.  sums : (columns,) float32, overwritten.  Both on the device.
    Launch [blocks, threads] with blocks * threads >= columns: neighbours read neighbours.
    """
    j = cuda.grid(1)
    if j < x.shape[1]:
        total = float32(0)
        for i in range(x.shape[0]):
            total += x[i, j]
        sums[j] = total


def multiply(a, b, transpose_a=False, transpose_b=False, out=None, accumulate=False):
    """Return op(a) @ op(b), in `out` if it is given, or with `accumulate` added to it.

    op(a) : (m, k) and op(b) : (k, n) float32, op(x) being x or its transpose.
    out : (m, n) float32 on the device, changed in place; then that is returned.
    Cost: 2 m n k FLOPs.
    """
    left, right = on_device("a", a, ndim=2), on_device("b", b, ndim=2)
    m, depth = a.shape[::-1] if transpose_a else a.shape
    also, n = b.shape[::-1] if transpose_b else b.shape
    if depth != also or (out is not None and tuple(out.shape) != (m, n)):
        into = "" if out is None else f" into {tuple(out.shape)}"
        raise ValueError(f"cannot multiply ({m}, {depth}) by ({also}, {n}){into}")
    c = cuda.device_array((m, n), np.float32) if out is None else out
    grid = blocks_for(n, TILE), blocks_for(m, TILE)
    gemm[grid, (TILE, TILE)](left, right, c, transpose_a, transpose_b, accumulate)
    return at_home(c, a) if out is None else out


def linear(x, W, b):
    """Return y = x W + b: x (batch, d_in), W (d_in, d_out), b (d_out,), y (batch, d_out)."""
    bias = on_device("b", b, ndim=1)
    if tuple(b.shape) != tuple(W.shape[1:]):
        raise ValueError(f"b must have an entry a column of W {tuple(W.shape)}, got {b.shape}")
    y = multiply(on_device("x", x, ndim=2), W)
    add_to_rows[blocks_for(y.size), THREADS](y, bias)
    return at_home(y, x)


def linear_grad(x, W, dy):
    """Return (dL/dx, dL/dW, dL/db) of `linear`: dy W^T, x^T dy, and the sum of dy's rows."""
    return multiply(dy, W, transpose_b=True), multiply(x, dy, transpose_a=True), column_sums(dy)


def column_sums(x, out=None):
    """Return the sum of each column of x, (rows, columns): (columns,), in `out` if it is given."""
    given = on_device("x", x, 2)
    sums = cuda.device_array(x.shape[1], np.float32) if out is None else out
    if tuple(sums.shape) != (x.shape[1],):
        raise ValueError(f"out must be ({x.shape[1]},), got {tuple(sums.shape)}")
    sum_columns[blocks_for(x.shape[1]), THREADS](given, sums)
    return at_home(sums, x) if out is None else out
