"""A network that stores what it computes in few bits, as one on tensor cores does."""

from itertools import pairwise

from dlpar.nn.formats import rounded
from dlpar.nn.layers import Linear, ReLU
from dlpar.nn.losses import softmax_cross_entropy
from dlpar.nn.model import Model


class Rounding:
    """y = x rounded to a format; on the way back dL/dx = dL/dy, rounded as well.

    Behind a layer that computes in float32, this is what a tensor core does and memory keeps:
    products and sums in 32 bits, results in `form`.
    """

    parameters = ()

    def __init__(self, form):
        """Round to the Format `form`."""
        self.form = form

    def forward(self, x):
        """Return x, of any shape, rounded."""
        return rounded(x, self.form)

    def backward(self, dy):
        """Return dL/dy rounded."""
        return rounded(dy, self.form)


def rounded_mlp(sizes, rng, form, loss=softmax_cross_entropy):
    """Return a perceptron as `mlp` does, whose scores, activations and slopes are of `form`.

    Its params are as drawn, in float32: who trains it decides how they are kept.
    """
    layers: list[Linear | Rounding | ReLU] = []
    for d_in, d_out in pairwise(sizes):
        layers += [Linear(d_in, d_out, rng), Rounding(form), ReLU()]
    return Model(layers[:-1], loss)
