"""Implicit GEMM: the product of im2col, without the matrix. Its tiles are formed on the fly.

Source: Chetlur et al., "cuDNN: Efficient Primitives for Deep Learning", arXiv 1410.0759, section 3.
"""

import numpy as np

from dlpar.gpu import cuda, float32
from dlpar.kernels.convolution.problem import Stage, gemm_stage
from dlpar.kernels.launching import blocks_for
from dlpar.kernels.linear import TILE


@cuda.jit
def implicit_gemm(x, filters, stride, padding, y):
    """y as in `direct_forward`, as the product of the filters (k, c r s) and of all patches.

    x : (n, c, h, w).  filters : (k, c, r, s).  y : (n, k, p, q), overwritten.  All float32, device.
    Launch [(ceil(n p q / TILE), ceil(k / TILE)), (TILE, TILE)]. Shared: 8 * TILE**2 bytes a block.
    A thread keeps its output's place, and finds for each tile which pixel lies under tap c, r, s.
    """
    a_tile = cuda.shared.array((TILE, TILE), float32)
    b_tile = cuda.shared.array((TILE, TILE), float32)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    place, k = cuda.grid(2)
    _, channels, h, w = x.shape
    filter_h, filter_w = filters.shape[2], filters.shape[3]
    p, q = y.shape[2], y.shape[3]
    image, output_row, output_column = place // (p * q), place // q % p, place % q
    in_reach, is_filter = image < x.shape[0], k < filters.shape[0]
    depth = channels * filter_h * filter_w
    total = float32(0)
    for start in range(0, depth, TILE):
        # Beyond the edges, and in the padding, a tile holds zeros.
        tap = start + tx
        a_tile[ty, tx] = float32(0)
        if is_filter and tap < depth:
            c, r, s = tap // (filter_h * filter_w), tap // filter_w % filter_h, tap % filter_w
            a_tile[ty, tx] = filters[k, c, r, s]
        tap = start + ty
        c, r, s = tap // (filter_h * filter_w), tap // filter_w % filter_h, tap % filter_w
        row = output_row * stride + r - padding
        column = output_column * stride + s - padding
        b_tile[ty, tx] = float32(0)
        if in_reach and tap < depth and 0 <= row < h and 0 <= column < w:
            b_tile[ty, tx] = x[image, c, row, column]
        cuda.syncthreads()  # the tiles are whole
        for t in range(TILE):
            total += a_tile[ty, t] * b_tile[t, tx]
        cuda.syncthreads()  # nobody overwrites a tile that another still reads
    if in_reach and is_filter:
        y[image, k, output_row, output_column] = total


def forward(problem, x, filters):
    """Return y, device, for device arrays of the problem's shapes."""
    n, k, p, q = problem.y_shape
    y = cuda.device_array(problem.y_shape, np.float32)
    grid = blocks_for(n * p * q, TILE), blocks_for(k, TILE)
    implicit_gemm[grid, (TILE, TILE)](x, filters, problem.stride, problem.padding, y)
    return y


def supports(problem):
    """Whether it can: always."""
    return True


def workspace(problem):
    """Return 0 bytes."""
    return 0


def stages(problem):
    """Return the one Stage: that of the product."""
    n, k, p, q = problem.y_shape
    product = gemm_stage(k, n * p * q, problem.c * problem.r * problem.s)
    return [Stage("implicit gemm", product.multiplications, product.nbytes)]
