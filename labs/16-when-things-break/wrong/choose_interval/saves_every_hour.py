"""Saves every hour, as one does."""

CAUGHT = r"goodput is"


def choose_interval(stops, seconds, gpus, more, save, restart):
    return 3600.0
