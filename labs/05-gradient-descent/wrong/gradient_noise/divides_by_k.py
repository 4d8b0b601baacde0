"""Divides the scatter by k: distances to the sample's own mean are too short."""

import numpy as np

CAUGHT = r"all 9 samples of k=2 from 3 examples, d=2: the mean of your scatter is \S+, of all"


def gradient_noise(grads):
    k, mean = len(grads), grads.mean(axis=0)
    scatter = np.sum((grads - mean) ** 2) / k
    return scatter, mean @ mean - scatter / k
