"""Returns 1/beta: bytes a second, where seconds a byte are asked for."""

import numpy as np

CAUGHT = r"alpha=5e-06 s, .*: beta: your function returned"


def alpha_beta(sizes, times):
    beta, alpha = np.polyfit(sizes, times, 1, w=1 / times)
    return alpha, 1 / beta
