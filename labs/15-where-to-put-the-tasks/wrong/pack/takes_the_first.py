"""Takes the first that are free."""

CAUGHT = r"broke a switch with 2 free; one with 1 has room"


def pack(k, free, places):
    return free[:k] if k <= len(free) else None
