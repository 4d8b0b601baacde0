"""The space-time diagram: ranks down, time across, messages as arrows, drawn from any trace."""

import math

from dlpar.figures.axes import linear_ticks, scaled
from dlpar.figures.figure import HEAD, Figure, Panel, header
from dlpar.figures.svg import (
    CHAR,
    LINE,
    arrowhead,
    counted,
    hue,
    line,
    points,
    polyline,
    rect,
    tag,
    text,
    title,
)
from dlpar.rulers import badge, nbytes, seconds
from dlpar.world.trace import Trace

_WIDTH, _LEFT, _RIGHT, _FOOT = 520.0, 58.0, 16.0, 40.0
_MOST_RANKS, _MOST_MESSAGES, _MOST_LABELS = 32, 600, 16


def space_time(trace, ruler="virtual", start=0.0, end=math.inf):
    """Draw who did what when: a lane for each rank in its hue, an arrow for each message.

    Thick bars are work, thin ones the calls in which a rank waited. An arrow runs from (source,
    sent) to (dest, received); a message that nobody received ends in a cross.

    Parameters
    ----------
    trace : Trace, from `simulate` (its clock is virtual) or `run` (wall).
    ruler : "virtual" or "wall".
    start, end : s; draw only what begins in this stretch of time.

    Raises TypeError if `trace` is no Trace; ValueError if it has more than 32 ranks, or more than
    600 messages between `start` and `end`: nobody can read that. The message says how to cut.
    """
    badge(ruler)
    if not isinstance(trace, Trace):
        raise TypeError(
            f"space_time needs trace as a Trace, such as outcome.trace, got {type(trace).__name__}"
        )
    if trace.size > _MOST_RANKS:
        raise ValueError(
            f"space_time draws at most {_MOST_RANKS} ranks, the trace has {trace.size}: "
            "simulate the same program on fewer ranks"
        )
    if not start < end:
        raise ValueError(f"space_time needs start before end, got {start!r} and {end!r}")
    messages = [m for m in trace.messages if start <= m.sent <= end]
    # A sum under way is neither work nor waiting: `gantt` draws it.
    drawn = [s for s in trace.spans if s.what != "Iallreduce"]
    spans = [s for s in drawn if start <= s.start <= end and s.end > s.start]
    if len(messages) > _MOST_MESSAGES:
        cut = sorted(m.sent for m in messages)[_MOST_MESSAGES // 2]
        raise ValueError(
            f"space_time draws at most {_MOST_MESSAGES} messages, got {len(messages)}: "
            f"pass start and end to cut out a stretch of time, such as end={cut:.3g}"
        )
    sketch = _Sketch(trace.size, messages, spans, ruler, start)
    return Figure((sketch.panel(),), sketch.alt())


class _Sketch:
    """The part of a trace that is drawn, and where each rank and each moment lies."""

    def __init__(self, p, messages, spans, ruler, start):
        self.p, self.messages, self.spans, self.ruler = p, messages, spans, ruler
        ends = [m.sent if math.isnan(m.received) else m.received for m in messages]
        self.start = start
        self.stop = max([start, *ends, *(s.end for s in spans)])
        self.lane = 46.0 if p <= 4 else 36.0 if p <= 8 else 26.0
        self.top = HEAD + 6
        self.bottom = self.top + self.lane * p

    def x(self, t):
        """Return where the moment `t`, s, lies across."""
        length = self.stop - self.start or 1.0
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (t - self.start) / length

    def y(self, rank):
        """Return where the lane of `rank` lies down."""
        return self.top + self.lane * (rank + 0.5)

    def panel(self):
        """Return the drawing."""
        parts = [header(_WIDTH, self._note(), self.ruler), self._axis()]
        for r in range(self.p):
            y = self.y(r)
            parts.append(text(0, y + 4, f"rank {r}", class_="lane", style=f"fill:{hue(r)}"))
            parts.append(line(_LEFT, y, _WIDTH - _RIGHT, y, stroke=hue(r), stroke_opacity=0.35))
        parts += map(self._span, self.spans)
        arrows = [_Arrow(m, self) for m in self.messages]
        parts += [arrow.markup() for arrow in arrows]
        if len({m.nbytes for m in self.messages}) > 1 and len(arrows) <= _MOST_LABELS:
            parts += _sizes(arrows)
        return Panel("".join(parts), _WIDTH, self.bottom + _FOOT)

    def _note(self):
        sizes = {m.nbytes for m in self.messages}
        count = counted(len(self.messages), "message")
        if len(sizes) == 1:
            return f"{count} of {nbytes(sizes.pop())}"
        return f"{count}, {nbytes(sum(m.nbytes for m in self.messages))} in all" if sizes else count

    def _axis(self):
        scale, prefix = scaled(self.stop)
        ink, right, bottom = "currentColor", _WIDTH - _RIGHT, self.bottom
        parts = [line(_LEFT, bottom, right, bottom, stroke=ink, stroke_opacity=0.5)]
        for tick in linear_ticks(self.start / scale, self.stop / scale, 6):
            x = self.x(tick * scale)
            parts.append(line(x, self.top, x, bottom + 4, stroke=ink, stroke_opacity=0.14))
            words = f"{tick:,.10g}"
            parts.append(text(x, bottom + LINE, words, text_anchor="middle", class_="soft"))
        kinds = {s.what == "work" for s in self.spans}
        key = {True: "thick: work", False: "thin: waiting"}
        words = ", ".join(key[kind] for kind in sorted(kinds, reverse=True))
        if words:
            parts.append(text(_LEFT, bottom + 2.2 * LINE, words, class_="soft"))
        label = f"{self.ruler} time, {prefix}s"
        parts.append(text(right, bottom + 2.2 * LINE, label, text_anchor="end"))
        return "".join(parts)

    def _span(self, span):
        working = span.what == "work"
        words = title(f"rank {span.rank}: {span.what}, {seconds(span.end - span.start)}")
        left, width = self.x(span.start), self.x(span.end) - self.x(span.start)
        height = self.lane * (0.42 if working else 0.15)
        style = {"fill": hue(span.rank), "fill_opacity": 0.55 if working else 0.32, "rx": 1.5}
        return rect(left, self.y(span.rank) - height / 2, max(width, 0.8), height, words, **style)

    def alt(self):
        """Return the drawing in words."""
        ranks = counted(self.p, "rank")
        lasts = seconds(self.stop - self.start)
        words = [f"Space-time diagram, {self.ruler} time: {ranks} over {lasts}, {self._note()}."]
        facts = [self._facts(r) for r in range(self.p)]
        if len(set(facts)) == 1 and self.p > 1:
            words.append(f"Each rank {facts[0]}.")
        elif self.p <= 8:
            words += [f"Rank {r} {fact}." for r, fact in enumerate(facts)]
        else:
            sent = [sum(m.source == r for m in self.messages) for r in range(self.p)]
            words.append(f"A rank sends {min(sent)} to {max(sent)} of them.")
        lost = sum(math.isnan(m.received) for m in self.messages)
        if lost:
            words.append(f"{counted(lost, 'message')} never received.")
        return " ".join(words)

    def _facts(self, rank):
        sent = sum(m.source == rank for m in self.messages)
        facts = [f"sends {counted(sent, 'message')}"]
        for verb, working in (("works", True), ("waits", False)):
            mine = [s for s in self.spans if s.rank == rank and (s.what == "work") == working]
            if mine:
                facts.append(f"{verb} {seconds(sum(s.end - s.start for s in mine))}")
        return ", ".join(facts)


class _Arrow:
    """The drawing of one message: its two ends, its path, its tooltip."""

    def __init__(self, message, sketch):
        m = self.message = message
        self.lost = math.isnan(m.received)
        self.tail = sketch.x(m.sent), sketch.y(m.source)
        lane = sketch.lane
        if self.lost:  # most of the way, and no further
            down = sketch.y(m.dest) - sketch.y(m.source) if m.dest != m.source else -lane
            x = min(self.tail[0] + 0.4 * lane, sketch.x(sketch.stop))
            self.head = x, self.tail[1] + 0.72 * down
        else:
            self.head = sketch.x(m.received), sketch.y(m.dest)
        # A message to oneself bows out of its lane; the others go straight.
        bow = lane if m.dest == m.source and not self.lost else 0.0
        (x0, y0), (x1, y1) = self.tail, self.head
        self.bend = (x0 + x1) / 2, (y0 + y1) / 2 - 0.8 * bow

    def at(self, share):
        """Return the point at `share` of the way."""
        a, b, c = (1 - share) ** 2, 2 * share * (1 - share), share**2
        ends = zip(self.tail, self.bend, self.head, strict=True)
        return tuple(a * start + b * middle + c * end for start, middle, end in ends)

    def markup(self):
        """Return the arrow with its tooltip."""
        m, (x1, y1) = self.message, self.head
        arrival = "never received" if self.lost else f"received at {seconds(m.received)}"
        words = title(
            f"rank {m.source} to rank {m.dest}, {nbytes(m.nbytes)}, tag {m.tag}: "
            f"sent at {seconds(m.sent)}, {arrival}"
        )
        ink = {"stroke": hue(m.source), "stroke_width": 1.6}
        rim = {"stroke": "var(--ground)", "stroke_width": 0.8}  # seen also on a bar of its hue
        dot = tag("circle", cx=self.tail[0], cy=self.tail[1], r=2.8, fill=hue(m.source), **rim)
        if self.lost:
            path = polyline([self.tail, self.head], stroke_dasharray="4 3", **ink)
            cross = f"M{points([(x1 - 4, y1 - 4)])}l8 8m0 -8l-8 8"
            end = tag("path", d=cross, stroke=hue(m.source), stroke_width=2)
        else:
            d = f"M{points([self.tail])}Q{points([self.bend, self.head])}"
            path = tag("path", d=d, fill="none", **ink)
            way = x1 - self.bend[0], y1 - self.bend[1]
            end = arrowhead(x1, y1, *way, fill=hue(m.source), **rim)
        return tag("g", words, path, dot, end, class_="lost" if self.lost else "message")


def _sizes(arrows):
    """Label each arrow with its size where there is room; the tooltips have them all."""
    taken, parts = [], []
    for arrow in arrows:
        words = nbytes(arrow.message.nbytes)
        half = CHAR * len(words) / 2
        for share in (0.5, 0.35, 0.65, 0.22, 0.78):
            x, y = arrow.at(share)
            x = min(max(x, _LEFT + half), _WIDTH - half)
            if all(abs(x - ox) > half + other or abs(y - oy) > 13 for ox, oy, other in taken):
                taken.append((x, y, half))
                parts.append(text(x, y + 4, words, text_anchor="middle", class_="halo"))
                break
    return parts
