"""Takes the first set of jobs that makes room."""

from itertools import combinations

CAUGHT = r"moves jobs that hold \d+ GPUs, par is \d"


def make_room(k, jobs, places):
    if len(places) - sum(map(len, jobs)) < k:
        return None
    found = {}
    for node in {place[0] for place in places}:
        size = sum(place[0] == node for place in places)
        inside = [sum(places[g][0] == node for g in job) for job in jobs]
        here = [j for j in range(len(jobs)) if inside[j]]
        for count in range(len(here) + 1):
            for moved in combinations(here, count):
                if size - sum(inside) + sum(inside[j] for j in moved) >= k:
                    found[moved] = sum(len(jobs[j]) for j in moved)
    return list(next(iter(found))) if found else None
