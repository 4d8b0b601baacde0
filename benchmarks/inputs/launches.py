"""A launch of every kernel of the book, for measurements.

`LAUNCHES` maps "module.kernel" to an Example. Sizes are such that a launch has some thousand
threads; on Numba's simulator each takes from a part of a second to some seconds.
"""

from typing import Any, NamedTuple

import numpy as np

from dlpar.kernels import (
    activations,
    axpy,
    histogram,
    layer_norm,
    linear,
    matmul,
    one_bit,
    pooling,
    reduce,
    scan,
    sgd,
    softmax,
    stencil,
    tensor,
    transpose,
)
from dlpar.kernels import map as maps
from dlpar.kernels.blas import level1, level2, level3
from dlpar.kernels.convolution import direct, fft, im2col, implicit_gemm, layer, winograd


class Example(NamedTuple):
    """A kernel, its configuration, and `args()`: fresh arguments, NumPy arrays and numbers."""

    kernel: Any
    grid: Any
    block: Any
    args: Any
    shared_nbytes: int = 0
    simulator: bool = True  # whether Numba's has what it uses: it lacks all that warps do

    @property
    def launch(self):
        """The kernel with its configuration: call it with the arguments."""
        return self.kernel[self.grid, self.block, 0, self.shared_nbytes]


def floats(*shape, dtype=np.float32):
    """Small whole numbers: sums are exact."""
    return np.random.default_rng(0).integers(-4, 5, shape).astype(dtype)


def zeros(*shape, dtype=np.float32):
    return np.zeros(shape, dtype)


def filled(*shapes):
    """Return the function that makes float32 arrays of these shapes."""
    return lambda: tuple(floats(*shape) for shape in shapes)


def with_numbers(*parts):
    """Return the function that makes these: a tuple is the shape of an array."""
    return lambda: tuple(floats(*p) if isinstance(p, tuple) else p for p in parts)


N = 4000  # of vectors; not a multiple of a block
SIDE = 60  # of matrices; not a multiple of a tile
VECTOR, SQUARE, MEMORY = (N,), (SIDE, SIDE), (SIDE * SIDE,)
TILES, TILE = (4, 4), (16, 16)
ALPHA, BETA = np.float32(2), np.float32(3)
BLOCKS = 8  # of sums and scans
WITHOUT_WARPS = (
    reduce.sum_divergent, reduce.sum_conflicting, reduce.sum_sequential, reduce.sum_on_load
)  # fmt: skip


def summing(kernel):
    n = BLOCKS * (reduce.ELEMENTS[kernel] or 4 * reduce.THREADS) - 5
    args, simulator = filled((n,), (BLOCKS,)), kernel in WITHOUT_WARPS
    return Example(kernel, BLOCKS, reduce.THREADS, args, simulator=simulator)


def scanning(kernel):
    n = BLOCKS * scan.PER_BLOCK[kernel] - 5
    return Example(kernel, BLOCKS, scan.THREADS, filled((n,), (n,), (BLOCKS,)))


def values_and_counts():
    return floats(N, dtype=np.int32) + np.int32(4), zeros(16, dtype=np.int32)


def halves(kept):
    def args():
        a, b = floats(SIDE, SIDE, dtype=np.float16), floats(SIDE, SIDE, dtype=np.float16)
        return a, b, floats(SIDE, SIDE, dtype=kept), zeros(SIDE, SIDE, dtype=kept)

    return args


BASIC = (
    Example(maps.add_ten_exact, 32, 125, filled(VECTOR, VECTOR)),
    Example(maps.add_ten, 32, 128, filled(VECTOR, VECTOR)),
    Example(maps.add_ten_strided, 8, 128, filled(VECTOR, VECTOR)),
    Example(maps.add_ten_2d, TILES, TILE, filled(SQUARE, SQUARE)),
    Example(maps.add_broadcast, TILES, TILE, filled((SIDE,), (SIDE,), SQUARE)),
    Example(axpy.axpy_kernel, 32, 128, with_numbers(ALPHA, VECTOR, VECTOR, VECTOR)),
    Example(axpy.axpy_strided, 16, 128, with_numbers(ALPHA, VECTOR, VECTOR, VECTOR, 2)),
    Example(stencil.diffuse_naive, 32, 128, with_numbers(VECTOR, ALPHA, VECTOR)),
    Example(stencil.diffuse_shared, 32, 128, with_numbers(VECTOR, ALPHA, VECTOR)),
    Example(stencil.diffuse_2d, TILES, TILE, with_numbers(SQUARE, ALPHA, SQUARE)),
    *map(summing, reduce.ELEMENTS),
    *map(scanning, scan.PER_BLOCK),
    Example(scan.add_offsets, 32, 128, with_numbers(VECTOR, (32,), 128)),
    Example(histogram.histogram_global, 8, 128, values_and_counts),
    Example(histogram.histogram_shared, 8, 128, values_and_counts, shared_nbytes=4 * 16),
    Example(transpose.transpose_naive, (2, 2), (32, 8), filled(SQUARE, SQUARE)),
    Example(transpose.transpose_tiled, (2, 2), (32, 8), filled(SQUARE, SQUARE)),
    Example(transpose.transpose_padded, (2, 2), (32, 8), filled(SQUARE, SQUARE)),
    Example(matmul.matmul_naive, TILES, TILE, filled(SQUARE, SQUARE, SQUARE)),
    Example(matmul.matmul_tiled, TILES, TILE, filled(SQUARE, SQUARE, SQUARE)),
    Example(matmul.matmul_registers, TILES, (8, 8), filled((120, 60), (60, 120), (120, 120))),
    Example(tensor.tile_mma, TILES, TILE, halves(np.float32)),
    Example(tensor.tile_mma_float16, TILES, TILE, halves(np.float16)),
)

BLAS = (
    Example(level1.scal_kernel, 32, 128, with_numbers(N, ALPHA, VECTOR, 1)),
    Example(level1.axpy_kernel, 16, 128, with_numbers(N // 2, ALPHA, VECTOR, -2, VECTOR, 2)),
    Example(level1.dot_kernel, 8, 128, with_numbers(N, VECTOR, 1, VECTOR, 1, (8,)),
            simulator=False),
    Example(level1.squares_kernel, 8, 128, lambda: (N, floats(N), 1, zeros(8, dtype=np.float64)),
            simulator=False),
    Example(level1.largest_kernel, 8, 128,
            lambda: (N, floats(N), 1, zeros(8), zeros(8, dtype=np.int64))),
    Example(level2.gemv_kernel, 32, 128,
            with_numbers(N, 20, ALPHA, (20 * N,), N, VECTOR, 1, BETA, VECTOR, 1)),
    Example(level2.gemv_transposed_kernel, 20, 128,
            with_numbers(N, 20, ALPHA, (20 * N,), N, VECTOR, 1, BETA, VECTOR, 1),
            simulator=False),
    Example(level3.gemm_kernel, TILES, TILE,
            with_numbers(SIDE, SIDE, SIDE, ALPHA, MEMORY, SIDE, 1, MEMORY, 1, SIDE,
                         BETA, MEMORY, SIDE)),
)  # fmt: skip

# Of the deep kernels: images x of 16 x 16, filters of 3 x 3, outputs y as large as the images.
IMAGES, FILTERS, OUTPUTS = (2, 8, 16, 16), (16, 8, 3, 3), (2, 16, 16, 16)
POOLED = (2, 8, 8, 8)
ROWS, COLUMNS = 64, 60  # of what is normalised, a warp a row
MATRIX = (ROWS, COLUMNS)
F = 32  # side of a transformed image


def a_row_each(kernel, args):
    return Example(kernel, ROWS // 4, (32, 4), args, simulator=False)


def pooled_from():
    return floats(*POOLED), zeros(*POOLED, dtype=np.int32), 2, 2, zeros(*IMAGES)


def planes(count):
    return floats(count, F, F, dtype=np.complex64)


def roots():
    return np.exp(-2j * np.pi * np.arange(F // 2) / F).astype(np.complex64)


DEEP = (
    *(Example(getattr(activations, f"{name}_forward"), 32, 128, filled(VECTOR, VECTOR))
      for name in ("relu", "sigmoid", "tanh", "gelu")),
    *(Example(getattr(activations, f"{name}_backward"), 32, 128, filled(VECTOR, VECTOR, VECTOR))
      for name in ("relu", "sigmoid", "tanh", "gelu")),
    Example(linear.gemm, TILES, TILE,
            with_numbers(SQUARE, SQUARE, SQUARE, np.bool_(True), np.bool_(False), np.bool_(True))),
    Example(linear.add_to_rows, 32, 128, with_numbers((40, 100), (100,))),
    Example(linear.sum_columns, 16, 128, with_numbers((20, 2000), (2000,))),
    Example(sgd.sgd_update, 32, 128, with_numbers(VECTOR, VECTOR, ALPHA)),
    Example(sgd.momentum_update, 32, 128, with_numbers(VECTOR, VECTOR, VECTOR, ALPHA, BETA)),
    Example(pooling.max_pool_forward, 8, 128,
            lambda: (floats(*IMAGES), 2, 2, zeros(*POOLED), zeros(*POOLED, dtype=np.int32))),
    Example(pooling.max_pool_backward, 32, 128, pooled_from),
    Example(pooling.average_pool_forward, 8, 128, with_numbers(IMAGES, 2, 2, ALPHA, POOLED)),
    Example(pooling.average_pool_backward, 32, 128, with_numbers(POOLED, 2, 2, ALPHA, IMAGES)),
    a_row_each(softmax.softmax_rows, filled(MATRIX, MATRIX)),
    a_row_each(softmax.softmax_rows_backward, filled(MATRIX, MATRIX, MATRIX)),
    a_row_each(softmax.cross_entropy_rows,
               lambda: (floats(*MATRIX), zeros(ROWS, dtype=np.int32), BETA, zeros(ROWS),
                        zeros(*MATRIX))),
    a_row_each(layer_norm.layer_norm_rows,
               with_numbers(MATRIX, (COLUMNS,), (COLUMNS,), BETA, MATRIX, (ROWS,), (ROWS,))),
    a_row_each(layer_norm.layer_norm_rows_backward,
               filled(MATRIX, (COLUMNS,), (ROWS,), (ROWS,), MATRIX, MATRIX)),
    Example(layer_norm.layer_norm_columns_backward, 16, 128,
            filled((20, 2000), (20,), (20,), (20, 2000), (2000,), (2000,))),
    Example(one_bit.pack_signs, 32, 128,
            lambda: (floats(N), zeros(N // 32, dtype=np.uint32)), simulator=False),
    Example(one_bit.unpack_signs, 32, 128,
            lambda: (zeros(N // 32, dtype=np.uint32), ALPHA, BETA, zeros(N))),
    Example(one_bit.encode_columns, 8, (32, 4),
            lambda: (floats(N), floats(N), 128, zeros(N // 32, dtype=np.uint32),
                     zeros(32, 2), zeros(N)), simulator=False),
    Example(one_bit.add_columns, 32, 128,
            lambda: (zeros(N // 32, dtype=np.uint32), floats(32, 2), 128, zeros(N))),
)  # fmt: skip

CONVOLUTION = (
    Example(direct.direct_forward, 64, 128, with_numbers(IMAGES, FILTERS, 1, 1, OUTPUTS)),
    Example(direct.direct_backward_data, 32, 128, with_numbers(OUTPUTS, FILTERS, 1, 1, IMAGES)),
    Example(direct.direct_backward_filter, 9, 128,
            with_numbers((1, 8, 8, 8), (1, 16, 8, 8), 1, 1, FILTERS)),
    Example(im2col.im2col, 144, 128, with_numbers((8, 16, 16), 3, 3, 1, 1, 16, (72, 256))),
    Example(im2col.col2im, 16, 128, with_numbers((72, 256), 3, 3, 1, 1, 16, (8, 16, 16))),
    Example(implicit_gemm.implicit_gemm, (16, 1), TILE,
            with_numbers((1, 8, 16, 16), FILTERS, 1, 1, (1, 16, 16, 16))),
    Example(winograd.transform_filters, 16, 128, with_numbers((64, 32, 3, 3), (16, 64, 32))),
    Example(winograd.transform_image, 8, 128, with_numbers(IMAGES, 1, 8, 8, (16, 8, 128))),
    Example(winograd.transform_back, 16, 128, with_numbers((16, 16, 128), 8, 8, OUTPUTS)),
    Example(fft.pad_planes, 128, 128, lambda: (floats(*IMAGES), 1, planes(16))),
    Example(fft.fft_lines, (4, F), F // 2, lambda: (planes(4), roots(), 5, False)),
    Example(fft.correlate_spectra, 64, 128, lambda: (planes(4), planes(16), 2, planes(16))),
    Example(fft.crop_planes, 64, 128, lambda: (planes(32), ALPHA, zeros(*OUTPUTS))),
    Example(layer.flip_filters, 144, 128, with_numbers((64, 32, 3, 3), (32, 64, 3, 3))),
)  # fmt: skip


def named(examples):
    """Return the examples by the name of their kernel and of the file that holds it."""
    found = {}
    for example in examples:
        function = getattr(example.kernel, "py_func", None) or example.kernel.fn  # Numba's: fn
        file = function.__module__.removeprefix("dlpar.kernels.")
        found[f"{file}.{function.__name__}"] = example
    return found


LAUNCHES = named((*BASIC, *BLAS, *DEEP, *CONVOLUTION))
