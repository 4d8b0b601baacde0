"""Takes the place that has fewest of this job, and does not see the others'."""

from collections import Counter

CAUGHT = r"leave \[.*\] free in each node"


def spread(k, free, places):
    if k > len(free):
        return None
    mine = [Counter() for _ in range(3)]
    chosen = []
    for _ in range(k):
        rest = [g for g in free if g not in chosen]
        chosen.append(min(rest, key=lambda g: [mine[i][places[g][i]] for i in range(3)]))
        for i in range(3):
            mine[i][places[chosen[-1]][i]] += 1
    return chosen
