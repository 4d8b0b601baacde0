"""Takes the shortest message for alpha, though it has bytes, too."""

import numpy as np

CAUGHT = r"alpha=5e-06 s, .*: alpha: your function returned"


def alpha_beta(sizes, times):
    alpha = times.min()
    return alpha, np.median((times - alpha)[1:] / sizes[1:])
