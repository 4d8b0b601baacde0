"""Looks for a switch, and then for a node at once."""

from collections import Counter

CAUGHT = r"share no more than a node: one socket has room"


def pack(k, free, places):
    if k > len(free):
        return None
    for level in (2, 0):  # switch, socket, node
        left = Counter(places[g][level] for g in free)
        fitting = [name for name in left if left[name] >= k]
        if fitting:
            name = min(fitting, key=left.get)
            return [g for g in free if places[g][level] == name][:k]
    return sorted(free, key=lambda g: (-left[places[g][0]], places[g][0]))[:k]
