"""Goyal's experiment on 1,437 small digits: what a batch of 128 in place of 8 does to the error."""

import math

import numpy as np
from threadpoolctl import threadpool_limits

from dlpar.data import digits
from dlpar.nn import mlp
from dlpar.optim import Momentum, cosine, descend, scaled_lr, warmup

SMALL, LARGE = 8, 128  # examples: 256 and 8,192 in the paper
RATE = 0.01  # right for the small batch: 0.1 in the paper
EPOCHS, CLIMB = 12, 3  # of which the first are the warm-up: 90 and 5 in the paper
POWERS = {"fixed rate": 0.0, "square root": 0.5}  # all others scale linearly
VARIANTS = ("small batch", "gradual warm-up", "no warm-up", "constant warm-up", *POWERS)


def error_after(variant, seeds):
    """Return the mean test error, %, over networks that `seeds` initialise.

    variant : one of VARIANTS. The small batch is trained at RATE; the large one at the scaled rate,
        reached at once, or along a straight climb of CLIMB epochs, or after CLIMB epochs at RATE.
    """
    if variant not in VARIANTS:
        raise ValueError(f"variant must be one of {', '.join(VARIANTS)}, got {variant!r}")
    data = digits(np.random.default_rng(0))
    # A network that is thrown off leaves the numbers behind; two threads would only wait.
    with np.errstate(all="ignore"), threadpool_limits(1):
        return float(np.mean([_trained(data, variant, seed) for seed in seeds]))


def _trained(data, variant, seed):
    b = SMALL if variant == "small batch" else LARGE
    epoch = math.ceil(len(data.x) / b)
    rate = _schedule(variant, b, epoch)
    model = mlp((64, 128, 64, 32, 10), np.random.default_rng(seed))
    rng, momentum = np.random.default_rng(9), Momentum(model.params)
    list(descend(model, data.x, data.y, b, EPOCHS * epoch, rate, rng, momentum))
    return 100 * (1 - model.accuracy(data.x_test, data.y_test))


def _schedule(variant, b, epoch):
    peak = scaled_lr(RATE, b, SMALL, POWERS.get(variant, 1.0))
    rate = cosine(peak, EPOCHS * epoch)
    if variant == "gradual warm-up":
        return warmup(rate, CLIMB * epoch, RATE)
    if variant == "constant warm-up":
        return lambda t: RATE if t < CLIMB * epoch else rate(t)
    return rate
