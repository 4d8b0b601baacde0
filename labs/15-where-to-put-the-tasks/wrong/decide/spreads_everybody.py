"""Spreads talkers, too, over sockets with few readers."""

from collections import Counter

CAUGHT = r"talkers of two|last node"


def decide(now, waiting, running, free, places):
    free, starts = set(free), []
    readers = Counter(places[g][1] for job in running if job["reads"] for g in job["on"])
    for job in sorted(waiting, key=lambda job: job["gpus"] * job["seconds"]):
        k = job["gpus"]
        if k > len(free):
            continue
        if True:
            on = []
            for _ in range(k):
                on.append(min(free, key=lambda g: (readers[places[g][1]], g)))
                free.remove(on[-1])
                readers[places[on[-1]][1]] += 1
        else:
            left = Counter(places[g][0] for g in free)
            fitting = sorted((n for n in left if left[n] >= k), key=left.get)
            if not fitting and now - job["arrived"] < 4 * job["seconds"]:
                continue
            nodes = fitting[:1] or sorted(left, key=left.get, reverse=True)
            on = [g for node in nodes for g in sorted(free) if places[g][0] == node][:k]
            free.difference_update(on)
        starts.append((job["job"], on))
    return starts
