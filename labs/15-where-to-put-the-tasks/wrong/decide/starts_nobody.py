"""Waits for better times."""

CAUGHT = r"they wait for ever"


def decide(now, waiting, running, free, places):
    return []
