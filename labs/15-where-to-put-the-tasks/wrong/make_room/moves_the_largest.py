"""Moves the largest jobs of the node with most free GPUs."""

from collections import Counter

CAUGHT = r"moves jobs that hold \d+ GPUs, par is \d"


def make_room(k, jobs, places):
    if len(places) - sum(map(len, jobs)) < k:
        return None
    held = {g for job in jobs for g in job}
    sizes = Counter(place[0] for place in places)
    left = Counter({node: 0 for node in sizes})
    left.update(place[0] for g, place in enumerate(places) if g not in held)
    nodes = sorted((n for n in sizes if sizes[n] >= k), key=lambda n: -left[n])
    if not nodes:
        return None
    node, moved = nodes[0], []
    inside = [sum(places[g][0] == node for g in job) for job in jobs]
    for j in sorted(range(len(jobs)), key=lambda j: -len(jobs[j])):
        if left[node] < k and inside[j]:
            moved.append(j)
            left[node] += inside[j]
    return moved
