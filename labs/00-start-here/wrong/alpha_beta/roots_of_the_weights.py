"""Weights 1/sqrt(t), as for a formula that weighs the squares."""

import numpy as np

CAUGHT = r"noise 20%: alpha: your function returned"


def alpha_beta(sizes, times):
    beta, alpha = np.polyfit(sizes, times, 1, w=1 / np.sqrt(times))
    return alpha, beta
