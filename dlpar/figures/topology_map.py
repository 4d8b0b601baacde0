"""The map of a topology: its devices and links, the routes of messages, the load of each link."""

import math
from collections import defaultdict
from itertools import pairwise

from dlpar.figures.curves import along, moved, past, path_of, shifted
from dlpar.figures.figure import HEAD, Figure, Panel, header
from dlpar.figures.svg import (
    CHAR,
    LINE,
    arrowhead,
    counted,
    hue,
    line,
    rect,
    tag,
    text,
    title,
)
from dlpar.figures.topology_layout import drawn_vertices, places_of
from dlpar.rulers import nbytes, seconds, si
from dlpar.world import Topology, Trace

_WIDTH, _MARGIN, _MOST = 520.0, 30.0, 64
_NODE, _LOADS, _KINDS = 14.0, 8, 6  # radius of a device; labels and rows of the key, at most


def topology_map(topology, routes=(), trace=None):
    """Draw devices as circles, switches as boxes, links as lines: the wider, the more bandwidth.

    Dead ends, and host memories that no route passes, are left out. A device carries its ranks,
    in the hue of the first. With a `trace`, links are as wide as they were loaded, the busier of
    their two ways, and the most loaded ones say so.

    Parameters
    ----------
    topology : Topology.
    routes : pairs (source, dest) of ranks, or of names of devices; each is drawn in its source's
        hue, side by side where they share a link.
    trace : Trace of a program on this topology, or None. Its bytes are `counted`; without it the
        links show what was declared, which is `quoted`.

    Raises TypeError if `topology` or `trace` is none; ValueError if a route's end is no device or
    rank, if it has more than 64 devices, or if the trace's ranks have no room on it.
    """
    if not isinstance(topology, Topology):
        raise TypeError(f"topology_map needs a Topology, got {type(topology).__name__}")
    if not (trace is None or isinstance(trace, Trace)):
        raise TypeError(f"topology_map needs trace as a Trace, got {type(trace).__name__}")
    if len(topology.devices) > _MOST:
        raise ValueError(
            f"topology_map draws at most {_MOST} devices, the topology has "
            f"{len(topology.devices)}: make a smaller one of the same kind"
        )
    ways = [_Route(topology, *pair) for pair in routes]
    sketch = _Sketch(topology, ways, None if trace is None else topology.bytes_carried(trace))
    return Figure((sketch.panel(),), sketch.alt())


class _Route:
    """The way of one message: its ends in words, its vertices, its hue."""

    def __init__(self, topology, source, dest):
        places = topology.placement or topology.devices
        ends = [self._device(topology, places, end) for end in (source, dest)]
        self.source = source if isinstance(source, str) else f"rank {source}"
        self.dest = dest if isinstance(dest, str) else f"rank {dest}"
        self.stages = topology.stages(*ends)
        self.steps = [step for stage in self.stages for step in stage]
        self.vertices = [ends[0]] + [k.b if forward else k.a for k, forward in self.steps]
        ranks = [r for r, device in enumerate(places) if device == ends[0]]
        self.hue = hue(source if not isinstance(source, str) else ranks[0] if ranks else 0)

    @staticmethod
    def _device(topology, places, end):
        if isinstance(end, str) and end in topology.device_set:
            return end
        if not isinstance(end, str) and 0 <= end < len(places):
            return places[end]
        raise ValueError(f"topology_map: a route ends at {end!r}, which is no device and no rank")

    def words(self):
        if not self.steps:
            return f"{self.source} to {self.dest}: within one device"
        latency = sum(link.latency for link, _ in self.steps)
        least = si(min(link.bandwidth for link, _ in self.steps), "B/s")
        turns = f", in {len(self.stages)} turns" if len(self.stages) > 1 else ""
        return (
            f"{self.source} to {self.dest}: {' to '.join(self.vertices)}, "
            f"{counted(len(self.steps), 'link')}, {seconds(latency)}, {least}{turns}"
        )


class _Sketch:
    """The part of a topology that is drawn, and where it lies."""

    def __init__(self, topology, routes, carried):
        self.topology, self.routes, self.carried = topology, routes, carried
        used = {v for route in routes for v in route.vertices}
        used |= {v for way in carried or () for v in way}
        self.vertices = drawn_vertices(topology, used)
        known = set(self.vertices)
        self.links = [k for k in topology.links if known.issuperset((k.a, k.b))]
        places = places_of(topology, self.vertices, _WIDTH - 2 * _MARGIN)
        devices = [places[v] for v in topology.devices]
        self.radius = min(_NODE, *(0.42 * math.dist(a, b) for a, b in pairwise(devices)), _NODE)
        self._lay_out(places)
        self.ranks = defaultdict(list)
        for rank, device in enumerate(topology.placement or topology.devices):
            self.ranks[device].append(rank)
        longest = max(len(",".join(map(str, ranks))) for ranks in self.ranks.values())
        self.named = self.radius >= 4.6 * longest  # the numbers of ranks have room in all circles

    def _lay_out(self, places):
        """Move the places and the links' curves to the middle of the panel."""
        left = (_WIDTH - max(x for x, _ in places.values())) / 2
        curves = {
            (k.a, k.b): past(
                places[k.a],
                places[k.b],
                [place for v, place in places.items() if v not in (k.a, k.b)],
                self.radius + 3,
            )
            for k in self.links
        }
        heights = [along(c, k / 8)[1] for c in curves.values() for k in range(9)]
        heights += [y for _, y in places.values()]
        top = HEAD + _MARGIN - min(heights)
        self.at = {v: (left + x, top + y) for v, (x, y) in places.items()}
        self.curves = {ends: moved(curve, left, top) for ends, curve in curves.items()}
        self.bottom = top + max(heights) + _MARGIN

    def panel(self):
        ruler = "quoted" if self.carried is None else "counted"
        parts = [header(_WIDTH, self._note(), ruler)]
        parts += [self._link(link) for link in self.links]
        parts += self._routes()
        parts += [self._vertex(v) for v in self.vertices]
        key = self._key() if self.carried is None else self._loads()
        return Panel("".join([*parts, *key]), _WIDTH, self._height())

    def _height(self):
        rows = 0 if self.carried is not None else min(len(self._kinds()), _KINDS)
        return self.bottom + LINE * (rows + 0.5 * bool(rows))

    def _note(self):
        devices = len(self.topology.devices)
        return f"{counted(devices, 'device')}, {counted(len(self.links), 'link')}"

    def _load(self, link):
        """Return the bytes on the busier way of a link; of a half-duplex one, of both."""
        ways = [self.carried.get(way, 0) for way in ((link.a, link.b), (link.b, link.a))]
        return max(ways) if link.duplex == "full" else sum(ways)

    def _thickness(self, link):
        if self.carried is None:
            least = min(k.bandwidth for k in self.links)
            return min(1.5 * (link.bandwidth / least) ** 0.6, 8.0)
        most = max(map(self._load, self.links), default=0)
        return 1.0 + 7.0 * self._load(link) / (most or 1)

    def _link(self, link):
        words = f"{link.a} and {link.b}: {_kind(link)}"
        if self.carried is not None:
            for a, b in ((link.a, link.b), (link.b, link.a)):
                words += f"; {a} to {b}: {nbytes(self.carried.get((a, b), 0))}"
        strong = 0.5 if self.carried is None or self._load(link) else 0.22
        ink = {"stroke": "currentColor", "stroke_opacity": strong * 0.72}
        d = path_of(self.curves[link.a, link.b])
        wide = self._thickness(link)
        return tag("path", title(words), d=d, fill="none", stroke_width=wide, class_="link", **ink)

    def _vertex(self, v):
        x, y = self.at[v]
        ranks = self.ranks.get(v, [])
        if v in self.topology.device_set:
            ink = hue(ranks[0]) if ranks else "currentColor"
            rim = {"stroke": ink, "stroke_width": 2, "style": "fill:var(--ground)"}
            said = f" with rank {', '.join(map(str, ranks))}" if ranks else ""
            parts = [tag("circle", title(v + said), cx=x, cy=y, r=self.radius, **rim)]
            words = ",".join(map(str, ranks))
            if words and self.named:
                style = f"fill:{ink};font-weight:600"
                parts.append(text(x, y + 4, words, text_anchor="middle", style=style))
            return tag("g", *parts, class_="device")
        words = v.rsplit(".", 1)[-1]
        half = 3.6 * len(words) + 6
        x = min(max(x, half + 1), _WIDTH - half - 1)
        look = {"rx": 4, "stroke": "currentColor", "stroke_opacity": 0.6}
        style = "fill:var(--ground)"
        box = rect(x - half, y - 10, 2 * half, 20, title(v), style=style, **look)
        return tag("g", box, text(x, y + 4, words, text_anchor="middle"), class_="switch")

    def _routes(self):
        """Return the routes, beside one another where they share a link."""
        sharing = defaultdict(list)
        for number, route in enumerate(self.routes):
            for link, _ in route.steps:
                if number not in sharing[link.a, link.b]:
                    sharing[link.a, link.b].append(number)
        parts = []
        for number, route in enumerate(self.routes):
            drawn = [title(route.words())]
            for link, forward in route.steps:
                together = sharing[link.a, link.b]
                gap = min(4.0, 18.0 / len(together))
                aside = gap * (together.index(number) - (len(together) - 1) / 2)
                curve = shifted(self.curves[link.a, link.b], aside)
                ink = {"fill": "none", "stroke": route.hue, "stroke_width": 2.4}
                last = link is route.steps[-1][0]
                drawn.append(tag("path", d=path_of(curve), stroke_linecap="round", **ink))
                if last:
                    drawn.append(self._head(curve if forward else curve[::-1], route.hue))
            parts.append(tag("g", *drawn, class_="route"))
        return parts

    def _head(self, curve, ink):
        """Return the arrowhead at the rim of the device where `curve` ends."""
        length = math.dist(curve[0], curve[2]) or 1.0
        x, y = along(curve, max(0.5, 1 - (self.radius + 2) / length))
        bx, by = curve[1]
        return arrowhead(x, y, curve[2][0] - bx, curve[2][1] - by, size=9.0, fill=ink)

    def _loads(self):
        """Label the most loaded links where there is room; the tooltips have them all."""
        taken = [(x, y + dy, 14.0) for x, y in self.at.values() for dy in (-9, 9)]
        parts = []
        for link in sorted(self.links, key=self._load, reverse=True):
            words = nbytes(self._load(link))
            half = CHAR * len(words) / 2
            for share in (0.5, 0.36, 0.64, 0.26, 0.74):
                x, y = along(self.curves[link.a, link.b], share)
                x = min(max(x, half), _WIDTH - half)
                clear = all(abs(x - ox) > half + w or abs(y - oy) > 15 for ox, oy, w in taken)
                if clear and self._load(link) and len(parts) < _LOADS:
                    taken.append((x, y, half))
                    parts.append(text(x, y + 4, words, text_anchor="middle", class_="halo load"))
                    break
        return parts

    def _kinds(self):
        """Return {(bandwidth, latency, duplex) in words: links}, the widest first."""
        kinds = defaultdict(list)
        for link in sorted(self.links, key=lambda k: -k.bandwidth):
            kinds[_kind(link)].append(link)
        return kinds

    def _key(self):
        parts = []
        for row, (words, links) in enumerate(list(self._kinds().items())[:_KINDS]):
            y = self.bottom + LINE * (row + 0.6)
            ink = {"stroke": "currentColor", "stroke_opacity": 0.36}
            parts.append(line(8, y - 4, 38, y - 4, stroke_width=self._thickness(links[0]), **ink))
            said = f"{words}, {counted(len(links), 'link')}"
            parts.append(text(46, y, said, class_="key"))
        return parts

    def alt(self):
        """Return the drawing in words."""
        kinds = [f"{len(links):,} of {kind}" for kind, links in self._kinds().items()]
        words = [f"Map of {self._note()}: {'; '.join(kinds)}."]
        words += [f"Route from {route.words()}." for route in self.routes]
        if self.carried:
            (a, b), most = max(self.carried.items(), key=lambda item: item[1])
            total = nbytes(sum(self.carried.values()))
            words.append(f"The links carried {total}; the most, {nbytes(most)}, {a} to {b}.")
        return " ".join(words)


def _kind(link):
    half = ", half duplex" if link.duplex == "half" else ""
    return f"{si(link.bandwidth, 'B/s')}, {seconds(link.latency)}{half}"
