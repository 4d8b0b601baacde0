"""Spreads over nodes and sockets, and puts two on one switch."""

from collections import Counter

CAUGHT = r"free in each switch"


def spread(k, free, places):
    if k > len(free):
        return None
    left = [Counter(places[g][level] for g in free) for level in range(3)]
    chosen = []
    for _ in range(k):
        rest = [g for g in free if g not in chosen]
        g = max(rest, key=lambda g: [left[level][places[g][level]] for level in range(2)])
        chosen.append(g)
        for level in range(3):
            left[level][places[g][level]] -= 1
    return chosen
