"""Takes one of each node in turn, however many are left there."""

CAUGHT = r"leave \[.*\] free in each (node|socket)"


def spread(k, free, places):
    if k > len(free):
        return None
    rooms = {}
    for g in free:
        rooms.setdefault(places[g][0], []).append(g)
    chosen = []
    while len(chosen) < k:
        for room in rooms.values():
            if room and len(chosen) < k:
                chosen.append(room.pop(0))
    return chosen
