"""The Gantt chart of a step: what a rank computes, what is exchanged, and what no work hides."""

import math

from dlpar.figures.axes import linear_ticks, scaled
from dlpar.figures.figure import HEAD, Figure, Panel, header
from dlpar.figures.svg import LINE, counted, hue, line, rect, text, title
from dlpar.rulers import seconds

_WIDTH, _LEFT, _RIGHT = 520.0, 74.0, 8.0
_BAR, _GAP, _FOOT = 15.0, 5.0, 40.0
_MOST = 400


def gantt(traces, rank=0, ruler="virtual"):
    """Draw one rank's work above its exchange, for each trace, on one axis of time.

    Every span of work is a bar, and so is every other one: an Iallreduce from where the network
    took it up, or a call in which the rank waited. Shaded is the time in which the rank did no
    work: the exchange that is *exposed*, as `exposed_seconds` adds it up.

    Parameters
    ----------
    traces : {label: Trace}.  rank : whose time is drawn.  ruler : "virtual" or "wall".

    Raises ValueError if there is no trace, one has no such rank, no span, or more than 400.
    """
    if not traces:
        raise ValueError("gantt needs at least one trace")
    rows = [_Row(label, trace, rank) for label, trace in traces.items()]
    stop = max(row.stop for row in rows)

    def x(t):
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * t / stop

    note = f"rank {rank}; shaded: no work"
    parts, top = [header(_WIDTH, note, ruler)], HEAD + 4
    for row in rows:
        parts.append(row.markup(x, top))
        top += row.height
    parts.append(_axis(x, stop, top, ruler))
    words = [f"Gantt chart of rank {rank}, {ruler} time.", *(row.words() for row in rows)]
    return Figure((Panel("".join(parts), _WIDTH, top + _FOOT),), " ".join(words))


class _Row:
    """One trace's part of the chart: a line with its name, a lane of work, a lane of exchange."""

    height = LINE + 2 * _BAR + 3 * _GAP + 6

    def __init__(self, label, trace, rank):
        if not 0 <= rank < trace.size:
            raise ValueError(f"the trace of {label} has {trace.size} ranks, none of them is {rank}")
        spans = [s for s in trace.spans if s.rank == rank and s.end > s.start]
        if not 0 < len(spans) <= _MOST:
            raise ValueError(f"gantt draws 1 to {_MOST} spans, {label} has {len(spans)}")
        self.label, self.rank = label, rank
        self.work = [s for s in spans if s.what == "work"]
        started = [s for s in spans if s.what == "Iallreduce"]
        # Where the sums themselves are known, the calls that waited for them say nothing new.
        self.exchange = started or [s for s in spans if s.what != "work"]
        self.stop = max(s.end for s in spans)
        edges = [0.0, *(t for s in self.work for t in (s.start, s.end)), self.stop]
        pairs = zip(edges[::2], edges[1::2], strict=True)
        self.idle = [(a, b) for a, b in pairs if b - a > 1e-9 * self.stop]
        self.exposed = math.fsum(b - a for a, b in self.idle)

    def markup(self, x, top):
        """Return the drawing, whose upper edge is at `top`; x places a moment across."""
        upper = top + LINE + _GAP
        lower = upper + _BAR + _GAP
        said = f"{self.label}: {seconds(self.stop)}, exposed {seconds(self.exposed)}"
        parts = [text(_LEFT, top + 12, said)]
        for a, b in self.idle:
            shade = {"fill": "currentColor", "fill_opacity": 0.13, "class_": "exposed"}
            parts.append(rect(x(a), upper - 3, x(b) - x(a), 2 * _BAR + _GAP + 6, **shade))
        lanes = ((upper, "work", self.work, 0), (lower, "exchange", self.exchange, 1))
        for y, name, spans, ink in lanes:
            parts.append(text(0, y + 12, name, class_="lane", style=f"fill:{hue(ink)}"))
            parts += [_bar(span, x, y, hue(ink)) for span in spans]
        return "".join(parts)

    def words(self):
        """Return the row in words."""
        busy = seconds(math.fsum(s.end - s.start for s in self.work))
        last = f"{seconds(self.exposed)} without work"
        pieces = f"{counted(len(self.exchange), 'exchange')}"
        hidden = [s for s in self.exchange if any(w.end > s.start for w in self.work)]
        begun = f"{len(hidden)} of them begun before the work was over"
        ends = f"ends at {seconds(self.stop)}, {last}"
        return f"{self.label}: {busy} of work, {pieces}, {begun}; {ends}."


def _bar(span, x, y, ink):
    words = title(f"{span.what}, {seconds(span.end - span.start)} from {seconds(span.start)}")
    rim = {"stroke": "var(--ground)", "stroke_width": 0.8}  # so that neighbours stay apart
    width = max(x(span.end) - x(span.start), 0.8)
    return rect(x(span.start), y, width, _BAR, words, fill=ink, fill_opacity=0.75, rx=1.5, **rim)


def _axis(x, stop, bottom, ruler):
    scale, prefix = scaled(stop)
    ink = {"stroke": "currentColor"}
    parts = [line(x(0), bottom, x(stop), bottom, stroke_opacity=0.5, **ink)]
    for tick in linear_ticks(0.0, stop / scale, 6):
        at = x(tick * scale)
        parts.append(line(at, HEAD, at, bottom + 4, stroke_opacity=0.12, **ink))
        parts.append(text(at, bottom + LINE, f"{tick:,.10g}", text_anchor="middle", class_="soft"))
    label = f"{ruler} time, {prefix}s"
    parts.append(text(x(stop), bottom + 2.2 * LINE, label, text_anchor="end"))
    return "".join(parts)
