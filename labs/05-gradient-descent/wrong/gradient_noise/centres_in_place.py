"""Subtracts the mean from the gradients that it was given."""

import numpy as np

CAUGHT = r"one sample of k=2, d=1: the gradients that you were given were changed"


def gradient_noise(grads):
    k, mean = len(grads), grads.mean(axis=0)
    scatter = np.sum(np.square(np.subtract(grads, mean, out=grads))) / (k - 1)
    return scatter, mean @ mean - scatter / k
