"""Takes the mean of the squared lengths for the squared length of the mean."""

import numpy as np

CAUGHT = r"all 9 samples of k=2 from 3 examples, d=2: the mean of your squared norm is"


def gradient_noise(grads):
    k, mean = len(grads), grads.mean(axis=0)
    scatter = np.sum((grads - mean) ** 2) / (k - 1)
    return scatter, np.mean(np.sum(grads**2, axis=1))
