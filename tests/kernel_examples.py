"""A small launch of every kernel of `dlpar.kernels`: whoever adds a kernel adds a line here.

Each example is a call without arguments. All kernels that it launches, with the types that they are
launched with, are compiled for real cards by test_gpu_ptx.py.
"""

import numpy as np

from dlpar.kernels import (
    activations,
    axpy,
    convolution,
    layer_norm,
    pooling,
    reduce,
    tensor,
)


def ones(*shape, dtype=np.float32):
    return np.ones(shape, dtype)


def maximum_pooling():
    y, where = pooling.max_pool(ones(1, 1, 4, 4), 2)
    pooling.max_pool_grad(y, where, (1, 1, 4, 4), 2)


def normalising():
    _, statistics = layer_norm.layer_norm(ones(3, 4), ones(4), ones(4))
    layer_norm.layer_norm_grad(ones(3, 4), ones(4), statistics, ones(3, 4))


def tile_mma(kernel):
    halves = ones(16, 16, dtype=np.float16)
    return tensor.mma(halves, halves, ones(16, 16), kernel)


def convolving(algorithm):
    return convolution.convolve(ones(1, 1, 6, 6), ones(1, 1, 3, 3), algorithm=algorithm)


def convolving_back(algorithm):
    image, filters, dy = ones(1, 1, 6, 6), ones(1, 1, 3, 3), ones(1, 1, 4, 4)
    convolution.convolve_backward_data(dy, filters, image.shape, algorithm=algorithm)
    convolution.convolve_backward_filter(image, dy, filters.shape, algorithm=algorithm)


EXAMPLES = {
    "activations": lambda: [
        getattr(activations, name)(ones(5)) for name in ("relu", "sigmoid", "tanh", "gelu")
    ],
    "activations, backward": lambda: [
        getattr(activations, f"{name}_grad")(ones(5), ones(5))
        for name in ("relu", "sigmoid", "tanh", "gelu")
    ],
    "axpy": lambda: axpy.axpy(2.0, ones(5), ones(5)),
    "reduce": lambda: [reduce.gpu_sum(ones(300), kernel) for kernel in reduce.ELEMENTS],
}
