"""Gives what there is if it is too little."""

from collections import Counter

CAUGHT = r"return None|your code raised ValueError"


def spread(k, free, places):
    k = min(k, len(free))
    left = [Counter(places[g][level] for g in free) for level in range(3)]
    chosen = []
    for _ in range(k):
        rest = [g for g in free if g not in chosen]
        g = max(rest, key=lambda g: [left[level][places[g][level]] for level in range(3)])
        chosen.append(g)
        for level in range(3):
            left[level][places[g][level]] -= 1
    return chosen
