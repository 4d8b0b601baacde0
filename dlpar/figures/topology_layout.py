"""Where each vertex of a topology stands in its drawing."""

import math
from collections import deque
from statistics import median_low

_UNIT, _LAYER = 88.0, 58.0  # between neighbours, between layers


def drawn_vertices(topology, used=()):
    """Return the vertices worth drawing, in order of declaration: those between devices.

    Dead ends are left out, and the host memories in `stores`, unless they are among `used`.
    """
    keep = {*topology.devices, *used}
    left = {v for v in topology.neighbours if v in keep or v not in topology.stores}
    while ends := {v for v in left - keep if sum(n in left for n in topology.neighbours[v]) < 2}:
        left -= ends
    return [v for v in topology.neighbours if v in left]


def places_of(topology, vertices, width):
    """Return {vertex: (x, y)}, y downwards, from (0, 0) on, at most `width` wide.

    Where the topology says (`drawn_at`); else on a circle, if there are only devices; else on
    layers: devices at the bottom, and each switch as high as its devices are far.
    """
    if topology.drawn_at:
        return _scaled({v: topology.drawn_at[v] for v in vertices}, width, _UNIT)
    if topology.device_set.issuperset(vertices):
        return _scaled(_circle(vertices), width, _UNIT)
    return _scaled(_layers(topology, vertices), width, _UNIT, _LAYER)


def _scaled(places, width, most, down=None):
    """Return `places` times `most`, or as much as has room; `down` is the factor downwards."""
    xs, ys = zip(*places.values(), strict=True)
    unit = min(most, width / ((max(xs) - min(xs)) or 1.0))
    return {
        v: (unit * (x - min(xs)), (down or unit) * (y - min(ys))) for v, (x, y) in places.items()
    }


def _circle(vertices):
    """Return the places on a circle, neighbours about 1 apart."""
    radius = max(0.6, len(vertices) / (2 * math.pi))
    turns = [2 * math.pi * k / len(vertices) - math.pi / 2 for k in range(len(vertices))]
    return {
        v: (radius * math.cos(turn), radius * math.sin(turn))
        for v, turn in zip(vertices, turns, strict=True)
    }


def _layers(topology, vertices):
    """Return the places on a tree of shortest paths from the middle of the graph."""
    devices = list(topology.devices)
    known = set(vertices)
    near = {v: [n for n in topology.neighbours[v] if n in known] for v in vertices}
    switches = [v for v in vertices if v not in topology.device_set]
    reached = {v: _reached(near, v, topology.device_set) for v in switches}
    root = min(switches, key=lambda v: (max(reached[v][0].values()), -len(near[v])))
    far, below = reached[root]
    below[root] += [v for v in vertices if v not in far]  # only other devices lead to these
    height, across, free = {}, {}, iter(range(len(vertices)))

    def first_device(v):
        """Return the number of the first device at, next to or below `v`; -1 of a memory."""
        here = [devices.index(n) for n in (v, *near[v]) if n in topology.device_set]
        return min(here + [first_device(child) for child in below[v]], default=-1)

    def visit(v):
        """Place what hangs below `v`, then `v`; return how far below it its devices are."""
        depths = [0] if v in topology.device_set else []
        for child in sorted(below[v], key=first_device):
            depths += [depth + 1 for depth in visit(child)]
        height[v] = median_low(depths) if depths else -1
        under = [across[c] for c in below[v] if height[c] not in (-1, height[v])]  # no socket
        across[v] = (min(under) + max(under)) / 2 if under else float(next(free))
        return depths

    visit(root)
    for v in far:  # no device is below a memory: it hangs one below what it hangs from
        for child in below[v]:
            if height[child] < 0:
                height[child] = max(height[v] - 1, 0)
    return {v: (across[v], -height[v]) for v in vertices}


def _reached(near, start, devices):
    """Return {vertex: links from `start`} and {vertex: those first reached from it}."""
    far, below = {start: 0}, {v: [] for v in near}
    queue = deque([start])
    while queue:
        at = queue.popleft()
        for following in near[at] if at not in devices else ():  # devices do not forward
            if following not in far:
                far[following] = far[at] + 1
                below[at].append(following)
                queue.append(following)
    return far, below
