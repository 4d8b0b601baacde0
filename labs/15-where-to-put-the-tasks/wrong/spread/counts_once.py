"""Counts what is free once, before it takes anything."""

from collections import Counter

CAUGHT = r"for 2 GPUs, 2 of all leave \[6, 8\] free in each node"


def spread(k, free, places):
    if k > len(free):
        return None
    left = [Counter(places[g][level] for g in free) for level in range(3)]
    chosen = []
    for _ in range(k):
        rest = [g for g in free if g not in chosen]
        g = max(rest, key=lambda g: [left[level][places[g][level]] for level in range(3)])
        chosen.append(g)
    return chosen
