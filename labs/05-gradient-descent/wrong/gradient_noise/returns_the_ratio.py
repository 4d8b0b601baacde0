"""Returns the noise scale itself instead of its two parts."""

import numpy as np

CAUGHT = r"all 9 samples of k=2 from 3 examples, d=2: return two floats"


def gradient_noise(grads):
    k, mean = len(grads), grads.mean(axis=0)
    scatter = np.sum((grads - mean) ** 2) / (k - 1)
    return scatter / (mean @ mean)
