"""Takes the emptiest switch of all, wherever it is."""

from collections import Counter

CAUGHT = r"free in each node"


def spread(k, free, places):
    if k > len(free):
        return None
    left = [Counter(places[g][level] for g in free) for level in range(3)]
    chosen = []
    for _ in range(k):
        rest = [g for g in free if g not in chosen]
        g = max(rest, key=lambda g: [left[level][places[g][level]] for level in (2, 1, 0)])
        chosen.append(g)
        for level in range(3):
            left[level][places[g][level]] -= 1
    return chosen
