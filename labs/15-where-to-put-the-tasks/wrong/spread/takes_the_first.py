"""Takes the first that are free."""

CAUGHT = r"leave \["


def spread(k, free, places):
    return free[:k] if k <= len(free) else None
