"""Saves once, when a failure is due."""

CAUGHT = r"goodput is"


def choose_interval(stops, seconds, gpus, more, save, restart):
    mtbf = seconds / stops * gpus / more
    if save >= 2 * mtbf:
        return mtbf
    return mtbf
