"""The wait-for picture of a deadlock: who waits for whom, beside what had happened until then."""

import math
from dataclasses import dataclass

from dlpar.figures.figure import HEAD, Figure, Panel, header
from dlpar.figures.space_time import space_time
from dlpar.figures.svg import arrowhead, escape, hue, num, tag, text, title

_WIDTH, _NODE, _MOST = 250.0, 15.0, 16


@dataclass(frozen=True)
class WaitFor(Figure):
    """The picture, the words of the deadlock beside it, and below it what had happened before."""

    words: str
    before: Figure | None

    def _repr_html_(self):
        lines = "".join(f"<div>{escape(part)}</div>" for part in _lines(self.words))
        return (
            '<div style="display:flex;flex-wrap:wrap;align-items:center;gap:0 1.5em">'
            f'<div style="flex:0 1 {num(_WIDTH * self.largest)}px">{super()._repr_html_()}</div>'
            f'<div style="flex:1 1 16em;line-height:1.7">{lines}</div></div>'
            f"{'' if self.before is None else self.before._repr_html_()}"
        )


def wait_for(deadlock):
    """Draw each rank as a circle, and an arrow from each to the ranks that it waits for.

    Ranks that have finished are dashed. The deadlock's words stand beside the picture, and below
    them the space-time diagram of what had happened before, if anything had.

    Parameters
    ----------
    deadlock : Deadlock, as `simulate` raised it.

    Raises ValueError if it has more than 16 ranks.
    """
    waits = {rank: (peers, words) for rank, peers, words in deadlock.waits}
    size = deadlock.trace.size
    if size > _MOST:
        raise ValueError(f"wait_for draws at most {_MOST} ranks, the deadlock has {size}")
    places = _places(size)
    rows = [HEAD + 3 * _NODE + (y - min(y for _, y in places)) for _, y in places]
    at = [(_WIDTH / 2 + x, y) for (x, _), y in zip(places, rows, strict=True)]
    arrows = [_arrow(at, r, peer, waits[r][1]) for r in waits for peer in waits[r][0]]
    upper = sum(y for _, y in at) / size  # above it a note stands above its node: outside
    nodes = [_node(at[r], r, waits.get(r), at[r][1] < upper - 1) for r in range(size)]
    words = [f"rank {r} {said}" for r, (_, said) in waits.items()]
    words += [f"rank {r} has finished" for r in range(size) if r not in waits]
    alt = f"Wait-for picture of {size} ranks: {'; '.join(words)}."
    drawn = header(_WIDTH, "waits for", "virtual") + "".join(arrows + nodes)
    panel = Panel(drawn, _WIDTH, max(rows) + 2.4 * _NODE)
    happened = deadlock.trace.messages or deadlock.trace.spans
    before = space_time(deadlock.trace) if happened else None
    return WaitFor((panel,), alt, str(deadlock), before)


def _lines(words):
    """Split a deadlock's words where one rank's end and the next begin."""
    return words.replace("; ", ";\n").replace(". They wait", ".\nThey wait").split("\n")


def _places(size):
    """Return each rank's place on a circle, clockwise; two ranks stand side by side."""
    radius = 62.0 if size <= 4 else 80.0
    turn = -math.pi if size == 2 else -math.pi / 2
    angles = [turn + 2 * math.pi * r / size for r in range(size)]
    return [(radius * math.cos(a), radius * math.sin(a)) for a in angles]


def _node(at, rank, wait, upper):
    """Return a rank's circle; `wait` is None for one that has finished."""
    x, y = at
    rim = {"stroke": hue(rank), "stroke_width": 2.2, "style": "fill:var(--ground)"}
    if wait is None:
        rim |= {"stroke_dasharray": "3 3"}
    words = title(f"rank {rank} {'has finished' if wait is None else wait[1]}")
    circle = tag("circle", words, cx=x, cy=y, r=_NODE, **rim)
    style = f"fill:{hue(rank)};font-weight:600"
    name = text(x, y + 4, str(rank), text_anchor="middle", style=style)
    below = y - _NODE - 6 if upper else y + _NODE + 13
    done = text(x, below, "finished", text_anchor="middle", class_="soft")
    return circle + name + (done if wait is None else "")


def _arrow(at, rank, peer, words):
    """Return the arrow from `rank` to `peer`, bowed to its left so that two can pass."""
    (x0, y0), (x1, y1) = at[rank], at[peer]
    ink = hue(rank)
    if rank == peer:  # a loop above the node
        d = f"M{num(x0 - 10)} {num(y0 - 11)}C{num(x0 - 30)} {num(y0 - 48)} "
        d += f"{num(x0 + 30)} {num(y0 - 48)} {num(x0 + 12)} {num(y0 - 15)}"
        tip, way = (x0 + 10, y0 - 11), (-6.0, 14.0)
    else:
        far = math.hypot(x1 - x0, y1 - y0)
        ux, uy = (x1 - x0) / far, (y1 - y0) / far
        bend = (x0 + x1) / 2 + 0.22 * far * uy, (y0 + y1) / 2 - 0.22 * far * ux
        start, tip = _edge(at[rank], bend, _NODE), _edge(at[peer], bend, _NODE + 2)
        end = _edge(at[peer], bend, _NODE + 7)  # the line ends inside the head
        way = at[peer][0] - bend[0], at[peer][1] - bend[1]
        d = f"M{num(start[0])} {num(start[1])}Q{num(bend[0])} {num(bend[1])} "
        d += f"{num(end[0])} {num(end[1])}"
    path = tag("path", d=d, fill="none", stroke=ink, stroke_width=1.8)
    head = arrowhead(*tip, *way, size=9.0, fill=ink)
    return tag("g", title(f"rank {rank} {words}"), path, head, class_="wait")


def _edge(centre, towards, radius):
    """Return the point `radius` away from `centre`, in the direction of `towards`."""
    dx, dy = towards[0] - centre[0], towards[1] - centre[1]
    far = math.hypot(dx, dy)
    return centre[0] + radius * dx / far, centre[1] + radius * dy / far
