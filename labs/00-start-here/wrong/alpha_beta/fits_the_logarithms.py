"""A line through the logarithms is a power law: no alpha in it."""

import numpy as np

CAUGHT = r"alpha=5e-06 s, .*: alpha: your function returned"


def alpha_beta(sizes, times):
    slope, start = np.polyfit(np.log(sizes), np.log(times), 1)
    return np.exp(start), slope
