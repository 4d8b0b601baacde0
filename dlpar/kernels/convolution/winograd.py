"""Winograd's F(2x2, 3x3): four outputs of a 3 x 3 filter from 16 multiplications, not 36.

y = A^T [(G g G^T) * (B^T d B)] A for a 4 x 4 piece d of the image and a filter g. Summed over
channels, the elementwise product is 16 matrix products: one for each place in the 4 x 4 piece.
It saves multiplications; it does not save additions or bytes.
Source: Lavin & Gray, CVPR 2016, section 4.1, with their G, B and A.
"""

import numpy as np

from dlpar.gpu import cuda, float32
from dlpar.kernels.convolution.problem import FLOAT, Stage, gemm_stage
from dlpar.kernels.launching import THREADS, blocks_for, ceil_div
from dlpar.kernels.linear import multiply

HALF = np.float32(0.5)


@cuda.jit
def transform_filters(filters, u):
    """u[4 i + j, k, c] = (G g G^T)[i, j] for the filter g = filters[k, c].

    filters : (k, c, 3, 3).  u : (16, k, c), overwritten.  Both float32, device.
    Launch [blocks, threads] with blocks * threads >= k c.
    """
    t = cuda.grid(1)
    if t < u.shape[1] * u.shape[2]:
        k, c = t // u.shape[2], t % u.shape[2]
        half_way = cuda.local.array((4, 3), float32)
        for j in range(3):
            top, middle, bottom = filters[k, c, 0, j], filters[k, c, 1, j], filters[k, c, 2, j]
            half_way[0, j] = top
            half_way[1, j] = HALF * (top + middle + bottom)
            half_way[2, j] = HALF * (top - middle + bottom)
            half_way[3, j] = bottom
        for i in range(4):
            left, middle, right = half_way[i, 0], half_way[i, 1], half_way[i, 2]
            u[4 * i, k, c] = left
            u[4 * i + 1, k, c] = HALF * (left + middle + right)
            u[4 * i + 2, k, c] = HALF * (left - middle + right)
            u[4 * i + 3, k, c] = right


@cuda.jit
def transform_image(x, padding, tiles_down, tiles_across, v):
    """v[4 i + j, c, t] = (B^T d B)[i, j] for the 4 x 4 piece d of channel c at tile t.

    x : (n, c, h, w).  v : (16, c, tiles), overwritten.  Both float32, device.  Tiles are numbered
    through all images; tile (a, b) begins at pixel (2 a - padding, 2 b - padding).
    Launch [blocks, threads] with blocks * threads >= c tiles. Additions only.
    """
    t = cuda.grid(1)
    if t < v.shape[1] * v.shape[2]:
        c, tile = t // v.shape[2], t % v.shape[2]
        n, a = tile // (tiles_down * tiles_across), tile // tiles_across % tiles_down
        b = tile % tiles_across
        top, left = 2 * a - padding, 2 * b - padding
        d = cuda.local.array((4, 4), float32)
        for i in range(4):
            for j in range(4):
                row, column = top + i, left + j
                inside = 0 <= row < x.shape[2] and 0 <= column < x.shape[3]
                d[i, j] = x[n, c, row, column] if inside else float32(0)
        half_way = cuda.local.array((4, 4), float32)
        for j in range(4):
            half_way[0, j] = d[0, j] - d[2, j]
            half_way[1, j] = d[1, j] + d[2, j]
            half_way[2, j] = d[2, j] - d[1, j]
            half_way[3, j] = d[1, j] - d[3, j]
        for i in range(4):
            v[4 * i, c, tile] = half_way[i, 0] - half_way[i, 2]
            v[4 * i + 1, c, tile] = half_way[i, 1] + half_way[i, 2]
            v[4 * i + 2, c, tile] = half_way[i, 2] - half_way[i, 1]
            v[4 * i + 3, c, tile] = half_way[i, 1] - half_way[i, 3]


@cuda.jit
def transform_back(m, tiles_down, tiles_across, y):
    """y's 2 x 2 piece at tile t of filter k = A^T m[:, k, t] A; what lies outside y is dropped.

    m : (16, k, tiles).  y : (n, k, p, q), overwritten.  Both float32, device.
    Launch [blocks, threads] with blocks * threads >= k tiles. Additions only.
    """
    t = cuda.grid(1)
    if t < m.shape[1] * m.shape[2]:
        k, tile = t // m.shape[2], t % m.shape[2]
        n, a = tile // (tiles_down * tiles_across), tile // tiles_across % tiles_down
        b = tile % tiles_across
        half_way = cuda.local.array((2, 4), float32)
        for j in range(4):
            second, third = m[4 + j, k, tile], m[8 + j, k, tile]
            half_way[0, j] = m[j, k, tile] + second + third
            half_way[1, j] = second - third - m[12 + j, k, tile]
        for i in range(2):
            row, column = 2 * a + i, 2 * b
            if row < y.shape[2]:
                y[n, k, row, column] = half_way[i, 0] + half_way[i, 1] + half_way[i, 2]
                if column + 1 < y.shape[3]:
                    last = half_way[i, 1] - half_way[i, 2] - half_way[i, 3]
                    y[n, k, row, column + 1] = last


def forward(problem, x, filters):
    """Return y, device, for device arrays of the problem's shapes."""
    down, across, tiles = tiles_of(problem)
    u = cuda.device_array((16, problem.k, problem.c), np.float32)
    v = cuda.device_array((16, problem.c, tiles), np.float32)
    m = cuda.device_array((16, problem.k, tiles), np.float32)
    y = cuda.device_array(problem.y_shape, np.float32)
    transform_filters[blocks_for(problem.k * problem.c), THREADS](filters, u)
    grid = blocks_for(problem.c * tiles)
    transform_image[grid, THREADS](x, problem.padding, down, across, v)
    for place in range(16):
        multiply(u[place], v[place], out=m[place])
    transform_back[blocks_for(problem.k * tiles), THREADS](m, down, across, y)
    return y


def tiles_of(problem):
    """Return how many 2 x 2 tiles y has down, across, and in all images."""
    down, across = ceil_div(problem.p, 2), ceil_div(problem.q, 2)
    return down, across, problem.n * down * across


def supports(problem):
    """Whether it can: 3 x 3 filters at stride 1."""
    return (problem.r, problem.s, problem.stride) == (3, 3, 1)


def workspace(problem):
    """Return the bytes of u, v and m: 64 (k c + c tiles + k tiles)."""
    tiles = tiles_of(problem)[2]
    return 16 * FLOAT * (problem.k * problem.c + problem.c * tiles + problem.k * tiles)


def stages(problem):
    """Return the four Stages.

    The halves in the filters' transform are not counted: they are shifts of the exponent, and
    where filters do not change they are made once.
    """
    n, k, p, q = problem.y_shape
    c, tiles = problem.c, tiles_of(problem)[2]
    return [
        Stage("transform filters", 0, FLOAT * 25 * k * c),
        Stage("transform image", 0, FLOAT * 32 * c * tiles),
        gemm_stage(k, tiles, c, times=16),
        Stage("transform back", 0, FLOAT * (16 * k * tiles + n * k * p * q)),
    ]
