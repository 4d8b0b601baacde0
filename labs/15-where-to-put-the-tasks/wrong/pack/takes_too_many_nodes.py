"""Beyond a node, takes the fullest nodes first, so that it needs many."""

from collections import Counter

CAUGHT = r"took 3 nodes, and 2 have room"


def pack(k, free, places):
    if k > len(free):
        return None
    for level in (2, 1, 0):  # switch, socket, node
        left = Counter(places[g][level] for g in free)
        fitting = [name for name in left if left[name] >= k]
        if fitting:
            name = min(fitting, key=left.get)
            return [g for g in free if places[g][level] == name][:k]
    return sorted(free, key=lambda g: (left[places[g][0]], places[g][0]))[:k]
