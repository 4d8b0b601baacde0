"""Returns the time from checkpoint to checkpoint, not the work between."""

import math

CAUGHT = r"goodput is"


def choose_interval(stops, seconds, gpus, more, save, restart):
    mtbf = seconds / stops * gpus / more
    if save >= 2 * mtbf:
        return mtbf
    x = math.sqrt(save / (2 * mtbf))
    return math.sqrt(2 * save * mtbf) * (1 + x / 3 + x * x / 9)
