"""Counts all GPUs of a place, and not those that are free."""

from collections import Counter

CAUGHT = r"broke a switch with 2 free; one with 1 has room"


def pack(k, free, places):
    if k > len(free):
        return None
    for level in (2, 1, 0):  # switch, socket, node
        left = Counter(place[level] for place in places)
        fitting = [name for name in left if left[name] >= k]
        if fitting:
            name = min(fitting, key=left.get)
            return [g for g in free if places[g][level] == name][:k]
    return sorted(free, key=lambda g: (-left[places[g][0]], places[g][0]))[:k]
