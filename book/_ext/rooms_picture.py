"""Draw the picture of CONTRIBUTING.md, book/_static/rooms.svg: which room imports which."""

import ast
from collections import defaultdict
from graphlib import TopologicalSorter
from itertools import pairwise
from math import fsum
from pathlib import Path

from dlpar.figures.figure import Figure, Panel
from dlpar.figures.svg import arrowhead, hue, polyline, rect, text

PACKAGE = Path(__file__).parents[2] / "dlpar"
PICTURE = Path(__file__).parents[1] / "_static" / "rooms.svg"

# A room may import from its own floor or from below; tests/test_project.py holds it to that.
FLOORS = {
    **dict.fromkeys(["world", "gpu", "nn", "rulers", "data", "predict"], 1),
    **dict.fromkeys(["collectives", "kernels", "optim", "figures"], 2),
    **dict.fromkeys(["compress", "data_parallel", "parameter_server", "scheduler"], 3),
    **dict.fromkeys(["frameworks", "labs", "doctor", "resilience"], 4),
    **dict.fromkeys(["claims", "cli"], 5),
}
WIDTH, ROW, HIGH, CHAR, AISLE = 720.0, 58.0, 26.0, 7.4, 26.0


def imported(path):
    """Yield the name of every module that the file imports, and of what it takes from them."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def uses():
    """Return {room: the other rooms that its files import}."""
    found = {room: set() for room in FLOORS}
    for path in PACKAGE.rglob("*.py"):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for name in imported(path):
            parts = name.split(".")
            if room in FLOORS and parts[0] == "dlpar" and len(parts) > 1 and parts[1] in FLOORS:
                found[room].add(parts[1])
    return {room: others - {room} for room, others in found.items()}


def levels(below):
    """Return {room: its row, 0 the lowest}: above all that it uses, and above every lower floor.

    Raises `graphlib.CycleError` if rooms import one another in a circle.
    """
    row = {}
    order = TopologicalSorter(below).static_order()
    for room in sorted(order, key=FLOORS.get):  # stable: a room still comes after what it uses
        under = [row[other] for other in below[room]]
        lower = [row[other] for other in row if FLOORS[other] < FLOORS[room]]
        row[room] = 1 + max([*under, *lower], default=-1)
    return row


def direct(below):
    """Return the (room, other) whose import is not implied by a longer way down."""
    reach = {}
    for room in TopologicalSorter(below).static_order():
        reach[room] = below[room].union(*(reach[other] for other in below[room]))
    return sorted(
        (room, other)
        for room, others in below.items()
        for other in others
        if not any(other in reach[between] for between in others)
    )


def routes(edges, row):
    """Return each edge as its stations: room, an aisle through every row between, other room."""
    return [
        [room, *((room, other, level) for level in range(row[room] - 1, row[other], -1)), other]
        for room, other in edges
    ]


def wide(station):
    """Return the width of a room's box, or of the aisle that an arrow takes past rooms."""
    return AISLE if isinstance(station, tuple) else CHAR * len(station) + 22


def places(row, ways):
    """Return {station: x}: rows are sorted by where their neighbours stand until that settles."""
    rows, near = defaultdict(list), defaultdict(set)
    for room in sorted(row):
        rows[row[room]].append(room)
    for way in ways:
        for k, station in enumerate(way[1:-1], 1):
            rows[row[way[0]] - k].append(station)
        for a, b in pairwise(way):
            near[a].add(b)
            near[b].add(a)
    x = {station: at for members in rows.values() for station, at in _spread(members)}
    for _ in range(24):
        for level in sorted(rows):
            middle = {
                s: fsum(x[n] for n in near[s]) / len(near[s]) if near[s] else x[s]
                for s in rows[level]
            }
            rows[level].sort(key=middle.get)
            x.update(_spread(rows[level]))
    return x


def _spread(members):
    """Return (station, x of its middle) for a row that fills the width."""
    gap = (WIDTH - 40 - sum(map(wide, members))) / len(members)
    at, found = 40 + gap / 2, []
    for station in members:
        found.append((station, at + wide(station) / 2))
        at += wide(station) + gap
    return found


def picture():
    """Return the figure: a floor is a band, a room a box, an import an arrow downwards."""
    below = uses()
    row, edges = levels(below), direct(below)
    ways = routes(edges, row)
    x, top = places(row, ways), max(row.values())

    def y(level):
        return (top - level) * ROW + ROW / 2

    drawn = []
    for floor in sorted(set(FLOORS.values())):
        held = [row[room] for room in FLOORS if FLOORS[room] == floor]
        upper = (top - max(held)) * ROW
        high = (max(held) - min(held) + 1) * ROW
        shade = f"fill:{hue(floor)};opacity:.1"
        drawn.append(rect(0, upper + 1, WIDTH, high - 2, style=shade))
        drawn.append(text(14, upper + high / 2 + 4, floor, class_="soft"))
    for way in ways:
        drawn += _arrow(way, row, x, y)
    for room in sorted(row):
        left, upper = x[room] - wide(room) / 2, y(row[room]) - HIGH / 2
        style = f"fill:var(--ground);stroke:{hue(FLOORS[room])}"
        drawn.append(rect(left, upper, wide(room), HIGH, rx=5, style=style))
        drawn.append(text(x[room], y(row[room]) + 4, room, text_anchor="middle"))
    alt = f"The house of {len(row)} rooms on {max(FLOORS.values())} floors. " + " ".join(
        f"{room} uses {', '.join(sorted(below[room]))}." for room in sorted(row) if below[room]
    )
    return Figure((Panel("".join(drawn), WIDTH, (top + 1) * ROW),), alt)


def _arrow(way, row, x, y):
    """Return the line from a room to one below, past the rooms between, and its head."""
    upper, lower = way[0], way[-1]
    path = [(x[upper], y(row[upper]) + HIGH / 2)]
    for k, station in enumerate(way[1:-1], 1):
        middle = y(row[upper] - k)
        path += [(x[station], middle - HIGH / 2), (x[station], middle + HIGH / 2)]
    path.append((x[lower], y(row[lower]) - HIGH / 2))
    (ax, ay), (bx, by) = path[-2:]
    style = f"stroke:{hue(FLOORS[upper])};opacity:.8"
    tip = arrowhead(bx, by, bx - ax, by - ay, style=f"fill:{hue(FLOORS[upper])}")
    return [polyline(path, style=style, stroke_linejoin="round"), tip]


def draw(path):
    """Write the picture to `path`."""
    picture().save(path)


if __name__ == "__main__":
    draw(PICTURE)
