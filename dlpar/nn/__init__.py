"""Layers with forward and backward, and a model whose parameters are one flat vector."""

from dlpar.nn.images import AvgPool2d, Conv2d, Flatten, MaxPool2d
from dlpar.nn.layers import Linear, ReLU
from dlpar.nn.losses import softmax_cross_entropy, squared_error
from dlpar.nn.model import Model, mlp

__all__ = [
    "AvgPool2d",
    "Conv2d",
    "Flatten",
    "Linear",
    "MaxPool2d",
    "Model",
    "ReLU",
    "mlp",
    "softmax_cross_entropy",
    "squared_error",
]
