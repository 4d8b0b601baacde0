"""A model is a stack of layers and one flat vector."""

import math
from itertools import pairwise

import numpy as np

from dlpar.nn.layers import Linear, ReLU, aligned
from dlpar.nn.losses import softmax_cross_entropy


class Model:
    """Layers one after another, with all parameters in one vector and all gradients in another.

    `params` and `grads` are (d,) arrays, contiguous, in the order of the layers. The layers hold
    views: a step on `params` moves every layer, an allreduce of `grads` is one call, and a bucket
    is a slice. Write into the two vectors (`model.params[:] = ...`), do not replace them.
    """

    def __init__(self, layers, loss=softmax_cross_entropy, dtype=np.float32):
        """Take in layers, whose parameters keep their values, and lay them into one vector.

        layers : layers, each in one place; they become the model's own.
        loss : function (scores, y) -> (mean loss, dL/dscores).
        dtype : of params and grads, and so of every x: float32, or float64 for checks.
        """
        self.layers = list(layers)
        if len({id(layer) for layer in self.layers}) < len(self.layers):
            raise ValueError("layers must be different objects: one of them stands there twice")
        self.loss_function = loss
        self._lay_out(np.dtype(dtype))

    def _lay_out(self, dtype):
        """Move the layers' parameters into one new vector, and make the layers hold views."""
        d = sum(getattr(layer, n).size for layer in self.layers for n in layer.parameters)
        self.params, self.grads = aligned((d,), dtype), aligned((d,), dtype)
        self.grads[:] = 0
        start = 0
        self.parts = []  # of each layer, the slice of params and grads that is its own
        for layer in self.layers:
            first = start
            for name in layer.parameters:
                value = getattr(layer, name)
                self.params[start : start + value.size] = value.ravel()
                start += value.size
            self.parts.append(slice(first, start))
        self._show_layers()
        self._bottom = next((i for i, layer in enumerate(self.layers) if layer.parameters), 0)

    def _show_layers(self):
        """Make the layers hold views of the two vectors."""
        for layer, part in zip(self.layers, self.parts, strict=True):
            start = part.start
            for name in layer.parameters:
                shape = getattr(layer, name).shape
                here = slice(start, start := start + math.prod(shape))
                setattr(layer, name, self.params[here].reshape(shape))
                setattr(layer, f"d{name}", self.grads[here].reshape(shape))

    def live_in(self, params, grads):
        """Let `params` and `grads`, (d,) contiguous arrays, be the two vectors from now on.

        The model is then what lies in `params`, which may be read-only. This is for memory that
        others see as well, such as the rows of `SharedVectors`. Raises ValueError if they do not
        fit.
        """
        for array in (params, grads):
            if (array.shape, array.dtype) != (self.params.shape, self.params.dtype):
                raise ValueError(
                    f"the model's vectors are {self.params.shape} {self.params.dtype}, "
                    f"got {array.shape} {array.dtype}"
                )
        self.params, self.grads = params, grads
        self._show_layers()

    def __setstate__(self, state):
        """Restore a copy (copy.deepcopy, pickle): its layers hold views of its own vectors."""
        self.__dict__.update(state)
        grads = self.grads
        self._lay_out(self.params.dtype)
        self.grads[:] = grads

    def forward(self, x):
        """Return the scores of x; they lie in a buffer that the next call overwrites.

        x : (batch, ...) array of the model's dtype with at least one example. Raises ValueError if
        it is empty or a layer cannot take its shape, TypeError if it is of another dtype.
        """
        if x.dtype != self.params.dtype:
            raise TypeError(f"x must be {self.params.dtype}, as the model's params, got {x.dtype}")
        if len(x) == 0:
            raise ValueError("x must hold at least one example")
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def loss(self, x, y):
        """Return the mean loss on x, y, a float; `grads` stays as it is."""
        return self.loss_function(self.forward(x), y)[0]

    def loss_and_grad(self, x, y, weight=1.0, ready=None):
        """Return the mean loss on x, y, a float; overwrite `grads` with `weight` * its gradient.

        weight : this batch's share of a larger one, whose parts are then only to be added up.
        ready : function of a slice, called when `grads[slice]` is final: once for each layer with
            parameters, the last layer first.

        Below the first layer with parameters nothing is asked for, so dL/dx is never computed:
        for a perceptron that saves about a quarter of the arithmetic.
        """
        loss, dy = self.loss_function(self.forward(x), y)
        if weight != 1.0:
            dy *= dy.dtype.type(weight)
        for i in range(len(self.layers) - 1, self._bottom - 1, -1):
            layer, part = self.layers[i], self.parts[i]
            if i > self._bottom:
                dy = layer.backward(dy)
            elif layer.parameters:
                layer.backward(dy, need_dx=False)
            if ready is not None and layer.parameters:
                ready(part)
        return loss

    def predict(self, x):
        """Return the class with the highest score for each example: (batch,) int64."""
        return self.forward(x).argmax(axis=1)

    def accuracy(self, x, y):
        """Return the share of x whose predicted class is y, (batch,) labels: a float in 0 .. 1."""
        return float(np.mean(self.predict(x) == y))


def mlp(sizes, rng, loss=softmax_cross_entropy, dtype=np.float32):
    """Return a perceptron: Linear layers of these sizes with a ReLU between each two.

    sizes : e.g. (784, 256, 128, 10), input first. rng : numpy.random.Generator for the weights.
    """
    if len(sizes) < 2:
        raise ValueError(f"sizes must name at least an input and an output, got {sizes!r}")
    layers: list[Linear | ReLU] = []
    for d_in, d_out in pairwise(sizes):
        layers += [Linear(d_in, d_out, rng), ReLU()]
    return Model(layers[:-1], loss, dtype)
