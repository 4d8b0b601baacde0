"""Matrices in a model's flat vector, and their columns."""

import math

import numpy as np


def shapes_of(model):
    """Return the shape of every parameter array of `model`, in the order of its flat vector."""
    return [getattr(layer, name).shape for layer in model.layers for name in layer.parameters]


def columns_of(model):
    """Return (lengths, order): the columns of a model's weight matrices, for `OneBitExchange`.

    lengths : (c,) int64, the elements of each column.  order : (d,) indices; grads[order] has one
    column after another. A matrix (d_in, d_out) has d_out columns: the weights into one neuron.
    Everything that is no matrix, as a bias, is one column. Source: Seide et al. 2014, section 3.2.
    """
    lengths, order, start = [], [], 0
    for shape in shapes_of(model):
        size = math.prod(shape)
        rows, cols = shape if len(shape) == 2 else (size, 1)
        if size:
            order.append(start + np.arange(size).reshape(rows, cols).T.ravel())
            lengths += [rows] * cols
        start += size
    return np.array(lengths, np.int64), np.concatenate(order)
