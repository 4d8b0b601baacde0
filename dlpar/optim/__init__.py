"""Descent: which examples an update sees, what it does with their gradient, and how far it goes."""

from dlpar.optim.descent import batches, descend
from dlpar.optim.lars import LARS
from dlpar.optim.noise import critical_batch, noise_scale
from dlpar.optim.schedules import constant, cosine, scaled_lr, step_decay, warmup
from dlpar.optim.updates import SGD, Adagrad, Adam, Momentum, PolyakMomentum

__all__ = [
    "LARS",
    "SGD",
    "Adagrad",
    "Adam",
    "Momentum",
    "PolyakMomentum",
    "batches",
    "constant",
    "cosine",
    "critical_batch",
    "descend",
    "noise_scale",
    "scaled_lr",
    "step_decay",
    "warmup",
]
