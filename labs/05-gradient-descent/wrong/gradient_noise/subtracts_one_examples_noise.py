"""Subtracts the scatter of a single gradient: a mean of k has k times less."""

import numpy as np

CAUGHT = r"all 9 samples of k=2 from 3 examples, d=2: the mean of your squared norm is"


def gradient_noise(grads):
    k, mean = len(grads), grads.mean(axis=0)
    scatter = np.sum((grads - mean) ** 2) / (k - 1)
    return scatter, mean @ mean - scatter
