"""Lets checkpoints cost a tenth of the time."""

CAUGHT = r"goodput is"


def choose_interval(stops, seconds, gpus, more, save, restart):
    return 9 * save
