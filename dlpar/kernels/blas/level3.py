"""Two matrices: `gemm`, where each number that is loaded can be used many times."""

import numpy as np

from dlpar.gpu import cuda, float32
from dlpar.kernels.blas.arguments import at_least, give_back, memory, operation, reach_of_matrix
from dlpar.kernels.launching import blocks_for

TILE = 16  # a block has TILE x TILE threads, and computes as many elements of C


@cuda.jit
def gemm_kernel(m, n, k, alpha, a, a_down, a_right, b, b_down, b_right, beta, c, ldc):
    """C = alpha A B + beta C by tiles; x runs down a column, where memory does.

    a : float32 memory, (m, k): one row down is `a_down` elements further, one column to the right
    `a_right`; so a transpose is another pair of strides.  b : likewise, (k, n).
    c : float32 memory, (m, n) column-major. beta = 0: c is not read.
    Launch [(ceil(m / TILE), ceil(n / TILE)), (TILE, TILE)]. Shared: 8 * TILE**2 bytes a block.
    """
    tile_a = cuda.shared.array((TILE, TILE), float32)  # [column, row] of A
    tile_b = cuda.shared.array((TILE, TILE), float32)  # [column, row] of B
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    row, column = cuda.grid(2)
    total = float32(0)
    for first in range(0, k, TILE):
        inside_a = row < m and first + ty < k
        inside_b = first + tx < k and column < n
        tile_a[ty, tx] = a[row * a_down + (first + ty) * a_right] if inside_a else float32(0)
        tile_b[ty, tx] = b[(first + tx) * b_down + column * b_right] if inside_b else float32(0)
        cuda.syncthreads()
        for p in range(TILE):
            total += tile_a[p, tx] * tile_b[ty, p]
        cuda.syncthreads()
    if row < m and column < n:
        at = row + column * ldc
        c[at] = alpha * total if beta == 0 else alpha * total + beta * c[at]


def gemm(transa, transb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc):
    """C = alpha op(A) op(B) + beta C; op is nothing for "N", the transpose for "T" and "C".

    a, b, c : float32 memory, column-major: op(A) is (m, k), op(B) (k, n), C (m, n). c is changed in
    place and returned. With beta = 0 c is not read; with alpha = 0 or k = 0 neither a nor b is.
    Does nothing if m or n is 0, or nothing is added and beta = 1.
    Raises ValueError that names the parameter as XERBLA does.
    """
    turn_a = operation("SGEMM", 1, "transa", transa)
    turn_b = operation("SGEMM", 2, "transb", transb)
    for number, name, value in ((3, "m", m), (4, "n", n), (5, "k", k)):
        at_least("SGEMM", number, name, value, 0, "0")
    rows_a, columns_a = (k, m) if turn_a else (m, k)
    rows_b, columns_b = (n, k) if turn_b else (k, n)
    at_least("SGEMM", 8, "lda", lda, max(1, rows_a), "max(1, rows of A)")
    at_least("SGEMM", 10, "ldb", ldb, max(1, rows_b), "max(1, rows of B)")
    at_least("SGEMM", 13, "ldc", ldc, max(1, m), "max(1, m)")
    adds = alpha != 0 and k > 0  # else neither A nor B is read
    if m == 0 or n == 0 or (not adds and beta == 1):
        return c
    da = memory("SGEMM", 7, "a", a, reach_of_matrix(rows_a, columns_a, lda) if adds else 0)
    db = memory("SGEMM", 9, "b", b, reach_of_matrix(rows_b, columns_b, ldb) if adds else 0)
    dc = memory("SGEMM", 12, "c", c, reach_of_matrix(m, n, ldc))
    gemm_kernel[(blocks_for(m, TILE), blocks_for(n, TILE)), (TILE, TILE)](
        m, n, k if adds else 0, np.float32(alpha if adds else 0),
        da, *((lda, 1) if turn_a else (1, lda)),
        db, *((ldb, 1) if turn_b else (1, ldb)),
        np.float32(beta), dc, ldc,
    )  # fmt: skip
    return give_back(dc, c)
