"""Takes the first place that has room, not the fullest."""

from collections import Counter

CAUGHT = r"broke a switch with 2 free; one with 1 has room"


def pack(k, free, places):
    if k > len(free):
        return None
    for level in (2, 1, 0):  # switch, socket, node
        left = Counter(places[g][level] for g in free)
        fitting = [name for name in left if left[name] >= k]
        if fitting:
            name = fitting[0]
            return [g for g in free if places[g][level] == name][:k]
    return sorted(free, key=lambda g: (-left[places[g][0]], places[g][0]))[:k]
