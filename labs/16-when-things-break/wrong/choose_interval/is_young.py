"""Takes the first-order formula also where checkpoints take as long as a failure is away."""

import math

CAUGHT = r"goodput is"


def choose_interval(stops, seconds, gpus, more, save, restart):
    return math.sqrt(2 * save * seconds / stops * gpus / more)
