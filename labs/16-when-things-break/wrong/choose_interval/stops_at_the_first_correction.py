"""Subtracts the checkpoint from Young, and leaves the rest of Daly out."""

import math

CAUGHT = r"goodput is"


def choose_interval(stops, seconds, gpus, more, save, restart):
    mtbf = seconds / stops * gpus / more
    return max(math.sqrt(2 * save * mtbf) - save, 1.0)
