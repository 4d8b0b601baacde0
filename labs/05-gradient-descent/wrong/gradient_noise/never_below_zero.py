"""Cuts a negative estimate off at 0: then it is too large on average."""

import numpy as np

CAUGHT = r"the mean of your squared norm is"


def gradient_noise(grads):
    k, mean = len(grads), grads.mean(axis=0)
    scatter = np.sum((grads - mean) ** 2) / (k - 1)
    return scatter, max(0.0, mean @ mean - scatter / k)
