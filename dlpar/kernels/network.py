"""A small network of which every operation is one of these kernels, and nothing leaves the device.

Only a batch comes in, and the loss, one float, goes out.
"""

import math
from itertools import accumulate, pairwise

import numpy as np

from dlpar.gpu import cuda
from dlpar.kernels.activations import relu, relu_grad
from dlpar.kernels.launching import on_device
from dlpar.kernels.linear import column_sums, linear, multiply
from dlpar.kernels.sgd import sgd_step
from dlpar.kernels.softmax import softmax_cross_entropy


class Perceptron:
    """Linear layers with a ReLU between each two, and softmax cross-entropy on top.

    `params` and `grads` are (d,) float32 device arrays in the order of `dlpar.nn.Model`: W and b
    of the first layer, of the second, and so on. The layers hold views.
    """

    def __init__(self, sizes, params):
        """Take the sizes, input first, as (64, 32, 10), and the first parameters.

        params : (d,) float32, copied to the device; `dlpar.nn.mlp(sizes, rng).params` draws them.
        Raises ValueError if there are not as many as the sizes need.
        """
        shapes = [shape for d_in, d_out in pairwise(sizes) for shape in ((d_in, d_out), (d_out,))]
        need = sum(math.prod(shape) for shape in shapes)
        if len(sizes) < 2 or tuple(params.shape) != (need,):
            raise ValueError(f"sizes {sizes} need ({need},) params, got {tuple(params.shape)}")
        self.params, self.grads = (cuda.device_array(need, np.float32) for _ in range(2))
        self.params.copy_to_device(on_device("params", params, 1))
        values, slopes = _views(self.params, shapes), _views(self.grads, shapes)
        self.layers = list(zip(values[::2], values[1::2], slopes[::2], slopes[1::2], strict=True))
        self.inputs = []  # of each layer in the last forward pass

    def forward(self, x):
        """Return the scores, (batch, classes), of x, (batch, d_in) float32: on the device."""
        y, self.inputs = on_device("x", x, 2), []
        for W, b, _, _ in self.layers:
            self.inputs.append(relu(y) if self.inputs else y)
            y = linear(self.inputs[-1], W, b)
        return y

    def loss_and_grad(self, x, labels):
        """Return the mean loss, a float, and overwrite `grads` with its gradient.

        x : (batch, d_in) float32.  labels : (batch,) integers.
        """
        loss, dy = softmax_cross_entropy(self.forward(x), labels)
        for i in reversed(range(len(self.layers))):
            W, _, dW, db = self.layers[i]
            multiply(self.inputs[i], dy, transpose_a=True, out=dW)
            column_sums(dy, out=db)
            if i > 0:  # relu(z) > 0 just where z > 0: the layer's input tells the slope
                dy = relu_grad(self.inputs[i], multiply(dy, W, transpose_b=True))
        return loss

    def step(self, lr):
        """Move params by -lr * grads: one launch for all layers."""
        sgd_step(self.params, self.grads, lr)


def _views(vector, shapes):
    """Return consecutive parts of a device vector in these shapes, sharing its memory."""
    ends = accumulate((math.prod(shape) for shape in shapes), initial=0)
    return [
        vector[start:end].reshape(shape)
        for (start, end), shape in zip(pairwise(ends), shapes, strict=True)
    ]
