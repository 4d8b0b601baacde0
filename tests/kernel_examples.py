"""A small launch of every kernel of `dlpar.kernels`: whoever adds a kernel adds a line here.

Each example is a call without arguments. All kernels that it launches, with the types that they are
launched with, are compiled for real cards by test_gpu_ptx.py.
"""

import numpy as np

from dlpar.gpu import cuda
from dlpar.kernels import (
    activations,
    axpy,
    blas,
    convolution,
    histogram,
    layer_norm,
    linear,
    map,
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


def ones(*shape, dtype=np.float32):
    return np.ones(shape, dtype)


def normalising():
    _, statistics = layer_norm.layer_norm(ones(3, 4), ones(4), ones(4))
    layer_norm.layer_norm_grad(ones(3, 4), ones(4), statistics, ones(3, 4))


def tile_mma(kernel, kept):
    halves = ones(16, 16, dtype=np.float16)
    return tensor.mma(halves, halves, ones(16, 16, dtype=kept), kernel)


def convolving(algorithm):
    return convolution.convolve(ones(1, 1, 6, 6), ones(1, 1, 3, 3), algorithm=algorithm)


def convolving_back(algorithm):
    image, filters, dy = ones(1, 1, 6, 6), ones(1, 1, 3, 3), ones(1, 1, 4, 4)
    convolution.convolve_backward_data(dy, filters, image.shape, algorithm=algorithm)
    convolution.convolve_backward_data(dy, filters, image.shape, algorithm="implicit_gemm")
    convolution.convolve_backward_filter(image, dy, filters.shape, algorithm=algorithm)


def mapping():
    map.plus_ten(ones(5))
    map.plus_ten(ones(5, 3))
    map.sum_of_pairs(ones(5), ones(3))
    map.add_ten_exact[1, 5](ones(5), ones(5))
    map.add_ten_strided[1, 4](ones(5), ones(5))


def level_1():
    blas.scal(3, 2.0, ones(3), 1)
    blas.axpy(3, 2.0, ones(3), 1, ones(3), 1)
    blas.dot(3, ones(3), 1, ones(3), 1)
    blas.nrm2(3, ones(3), 1)
    blas.iamax(3, ones(3), 1)


def levels_2_and_3():
    for trans in "NT":
        blas.gemv(trans, 2, 2, 1.0, ones(4), 2, ones(2), 1, 0.0, ones(2), 1)
    blas.gemm("N", "N", 2, 2, 2, 1.0, ones(4), 2, ones(4), 2, 0.0, ones(4), 2)


def pooling_both_ways():
    y, where = pooling.max_pool(ones(1, 1, 4, 4), 2)
    pooling.max_pool_grad(y, where, (1, 1, 4, 4), 2)
    y = pooling.average_pool(ones(1, 1, 4, 4), 2)
    pooling.average_pool_grad(y, (1, 1, 4, 4), 2)


def scanning():
    for kernel in scan.PER_BLOCK:
        scan.scan(ones(600), kernel)


def softmax_both_ways():
    softmax.softmax(ones(2, 3))
    softmax.softmax_grad(ones(2, 3), ones(2, 3))
    softmax.softmax_cross_entropy(ones(2, 3), ones(2, dtype=np.int32))


def descending():
    w, v, g = (cuda.to_device(ones(3)) for _ in range(3))
    sgd.sgd_step(w, g, 0.1)
    sgd.momentum_step(w, v, g, 0.1)


def diffusing():
    stencil.diffuse(ones(5), 0.1, kernel=stencil.diffuse_naive)
    stencil.diffuse(ones(5), 0.1)
    stencil.diffuse(ones(5, 5), 0.1, kernel=stencil.diffuse_2d)


EXAMPLES = {
    "activations": lambda: [
        getattr(activations, name)(ones(5)) for name in ("relu", "sigmoid", "tanh", "gelu")
    ],
    "activations, backward": lambda: [
        getattr(activations, f"{name}_grad")(ones(5), ones(5))
        for name in ("relu", "sigmoid", "tanh", "gelu")
    ],
    "axpy": lambda: axpy.axpy(2.0, ones(5), ones(5)),
    "axpy, strided": lambda: axpy.axpy_strided[1, 32](
        np.float32(2), ones(64), ones(64), ones(64), 2
    ),
    "blas, level 1": level_1,
    "blas, levels 2 and 3": levels_2_and_3,
    "convolution": lambda: [convolving(name) for name in convolution.ALGORITHMS],
    "convolution, backward": lambda: [convolving_back(name) for name in ("direct", "im2col")],
    "histogram": lambda: [
        histogram.histogram(ones(9, dtype=np.int32), 4, kernel)
        for kernel in (histogram.histogram_global, histogram.histogram_shared)
    ],
    "layer norm": normalising,
    "linear": lambda: linear.linear(ones(3, 4), ones(4, 5), ones(5)),
    "linear, backward": lambda: [
        linear.linear_grad(ones(3, 4), ones(4, 5), ones(3, 5)),
        linear.column_sums(ones(3, 5)),
    ],
    "map": mapping,
    "matmul": lambda: [
        matmul.matmul(ones(4, 4), ones(4, 4), kernel)
        for kernel in (matmul.matmul_naive, matmul.matmul_tiled, matmul.matmul_registers)
    ],
    "one bit": lambda: one_bit.unpack(one_bit.pack(ones(40)), 40, -1.0, 1.0),
    "one bit, columns": lambda: one_bit.decode_add(
        *one_bit.encode(ones(70), ones(70), 32)[:2], 32, ones(70)
    ),
    "pooling": pooling_both_ways,
    "reduce": lambda: [reduce.gpu_sum(ones(300), kernel) for kernel in reduce.ELEMENTS],
    "scan": scanning,
    "sgd": descending,
    "softmax": softmax_both_ways,
    "stencil": diffusing,
    "tensor": lambda: [
        tile_mma(tensor.tile_mma, np.float32),
        tile_mma(tensor.tile_mma_float16, np.float16),
    ],
    "transpose": lambda: [
        transpose.transpose(ones(4, 4), kernel)
        for kernel in (
            transpose.transpose_naive,
            transpose.transpose_tiled,
            transpose.transpose_padded,
        )
    ],
}
