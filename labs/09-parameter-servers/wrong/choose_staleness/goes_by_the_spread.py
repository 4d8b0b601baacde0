"""Takes the ratio of the slowest step to the mean for the number of clocks to run ahead."""

import numpy as np

CAUGHT = r"takes .* s for each clock"


def choose_staleness(seconds, growth, most):
    return int(min(most, np.ceil(seconds.max() / seconds.mean())))
