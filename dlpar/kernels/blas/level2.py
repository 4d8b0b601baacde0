"""A matrix and a vector: `gemv`, two operations for each element of the matrix."""

import numpy as np

from dlpar.gpu import cuda, float32
from dlpar.kernels.blas.arguments import (
    at_least,
    give_back,
    memory,
    nonzero,
    operation,
    reach_of_matrix,
    reach_of_vector,
)
from dlpar.kernels.blas.level1 import THREADS, WARPS, element, sum_of_block
from dlpar.kernels.launching import blocks_for


@cuda.jit
def gemv_kernel(m, n, alpha, a, lda, x, incx, beta, y, incy):
    """y = alpha A x + beta y; one thread a row: neighbours read neighbours down a column.

    a : float32 memory, (m, n) column-major.  x : n, y : m elements.  beta = 0: y is not read.
    Launch [blocks, threads] with blocks * threads >= m.
    """
    i = cuda.grid(1)
    if i < m:
        total = float32(0)
        for j in range(n):
            total += a[i + j * lda] * x[element(j, n, incx)]
        at = element(i, m, incy)
        y[at] = alpha * total if beta == 0 else alpha * total + beta * y[at]


@cuda.jit
def gemv_transposed_kernel(m, n, alpha, a, lda, x, incx, beta, y, incy):
    """y = alpha A^T x + beta y; one block a column, which its threads go down side by side.

    a : float32 memory, (m, n) column-major.  x : m, y : n elements.  beta = 0: y is not read.
    Launch [n, THREADS]. Shared: 4 bytes a warp.
    """
    warp_sums = cuda.shared.array(WARPS, float32)
    t, j = cuda.threadIdx.x, cuda.blockIdx.x
    total = float32(0)
    for i in range(t, m, THREADS):
        total += a[i + j * lda] * x[element(i, m, incx)]
    total = sum_of_block(total, warp_sums)
    if t == 0:
        at = element(j, n, incy)
        y[at] = alpha * total if beta == 0 else alpha * total + beta * y[at]


def gemv(trans, m, n, alpha, a, lda, x, incx, beta, y, incy):
    """y = alpha A x + beta y, or with `trans` "T" or "C" y = alpha A^T x + beta y.

    a : float32 memory, (m, n) column-major with leading dimension `lda` >= max(1, m).
    x, y : float32 memory; y is changed in place and returned. With beta = 0 y is not read, with
    alpha = 0 neither a nor x is. Does nothing if m or n is 0, or alpha = 0 and beta = 1.
    Raises ValueError that names the parameter as XERBLA does.
    """
    transposed = operation("SGEMV", 1, "trans", trans)
    at_least("SGEMV", 2, "m", m, 0, "0")
    at_least("SGEMV", 3, "n", n, 0, "0")
    at_least("SGEMV", 6, "lda", lda, max(1, m), "max(1, m)")
    nonzero("SGEMV", 8, "incx", incx)
    nonzero("SGEMV", 11, "incy", incy)
    if m == 0 or n == 0 or (alpha == 0 and beta == 1):
        return y
    of_x, of_y = (m, n) if transposed else (n, m)
    read = alpha != 0  # whether a and x are
    da = memory("SGEMV", 5, "a", a, reach_of_matrix(m, n, lda) if read else 0)
    dx = memory("SGEMV", 7, "x", x, reach_of_vector(of_x, incx) if read else 0)
    dy = memory("SGEMV", 10, "y", y, reach_of_vector(of_y, incy))
    scalars = np.float32(alpha), np.float32(beta)
    _launch(transposed, m, n, read, scalars, (da, lda), (dx, incx), (dy, incy))
    return give_back(dy, y)


def _launch(transposed, m, n, read, scalars, a, x, y):
    alpha, beta = scalars
    if transposed:
        gemv_transposed_kernel[n, THREADS](m if read else 0, n, alpha, *a, *x, beta, *y)
    else:
        gemv_kernel[blocks_for(m), THREADS](m, n if read else 0, alpha, *a, *x, beta, *y)
