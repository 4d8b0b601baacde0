"""Weights 1/t**2: polyfit squares them once more."""

import numpy as np

CAUGHT = r"noise 20%: alpha: your function returned"


def alpha_beta(sizes, times):
    beta, alpha = np.polyfit(sizes, times, 1, w=1 / times**2)
    return alpha, beta
