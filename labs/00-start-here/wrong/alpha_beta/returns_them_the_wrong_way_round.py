"""polyfit gives the slope first."""

import numpy as np

CAUGHT = r"alpha=5e-06 s, .*: alpha: your function returned"


def alpha_beta(sizes, times):
    alpha, beta = np.polyfit(sizes, times, 1, w=1 / times)
    return alpha, beta
