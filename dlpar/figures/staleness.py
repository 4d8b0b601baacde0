"""How late: the histogram of staleness, and the workers' clocks as they drift apart in a bound."""

import math

import numpy as np

from dlpar.figures.axes import Axes
from dlpar.figures.figure import HEAD, Figure, Panel, badge_at, header
from dlpar.figures.svg import LINE, hue, line, points, polyline, rect, tag, text, title
from dlpar.rulers import seconds

_WIDTH, _TALL = 520.0, 92.0  # of the histogram, and of one of its drawings
_SIDE, _BOTTOM = 262.0, 216.0  # of a drawing of clocks
_FIRST, _LATE = 40, 4  # bars; beyond the widest, what is later is one bar


def staleness(late, ruler="counted"):
    """Draw, for each array of `late`, how many gradients were how many updates late.

    late : {label: (k,) integers of at least 0}, as [one.staleness for one in a server's history].
    Drawings stand below one another on one axis; a tick marks each mean. More than 40 updates
    late is one bar at the end.

    Raises ValueError if there is no array, an empty one, or a number below 0.
    """
    late = {name: np.asarray(values, int) for name, values in late.items()}
    if not late or not all(v.ndim == 1 and v.size and v.min() >= 0 for v in late.values()):
        raise ValueError("staleness needs arrays of one or more integers of at least 0")
    widest = max(int(v.max()) for v in late.values())
    last = widest if widest <= _FIRST else _FIRST + 1  # this bar holds all that is later too
    each = HEAD + _TALL + LINE
    drawn = [
        f'<g transform="translate(0 {k * each:g})">{_bars(name, k, v, last, widest, ruler)}</g>'
        for k, (name, v) in enumerate(late.items())
    ]
    bottom = each * len(late)
    drawn.append(text(_WIDTH - 1, bottom + LINE, "updates late", text_anchor="end"))
    panel = Panel("".join(drawn), _WIDTH, bottom + 1.6 * LINE)
    return Figure((panel,), _alt_late(late, ruler))


def _bars(name, k, values, last, widest, ruler):
    counts = np.bincount(np.minimum(values, last), minlength=last + 1)
    axes = Axes((1, HEAD + 8, _WIDTH - 1, HEAD + _TALL - 6), [0, 1], [0, counts.max()])
    axes.xlim = (-0.5, last + 0.5)
    mean, base = float(values.mean()), axes.bottom
    said = f"{name}: mean {mean:.1f}, largest {values.max()}"
    parts = [header(_WIDTH, said, ruler) if k == 0 else text(0, 15, said, class_="soft")]
    step = (axes.right - axes.left) / (last + 1)
    for lag, count in enumerate(counts.tolist()):
        if count:
            x, y = axes.x(lag) - step / 2, float(axes.y(count))
            words = f"{lag}{' or more' if last < widest and lag == last else ''} late: {count:,}"
            bar = {"fill": hue(k), "class_": "bar"}
            parts.append(rect(x + 0.5, y, max(step - 1, 0.6), base - y, title(words), **bar))
    parts.append(line(axes.left, base, axes.right, base, stroke="currentColor", stroke_opacity=0.5))
    at = float(axes.x(min(mean, last)))
    parts.append(line(at, axes.top - 4, at, base + 4, stroke="currentColor", stroke_width=1.6,
                      stroke_dasharray="3 2", class_="mean"))  # fmt: skip
    every = next(s for s in (1, 2, 5, 10) if last / s <= 10)
    for lag in range(0, last + 1, every):
        more = "+" if last < widest and lag == last else ""
        parts.append(text(max(axes.x(lag), 5.0), base + LINE, f"{lag}{more}",
                          text_anchor="middle", class_="soft"))  # fmt: skip
    return "".join(parts)


def _alt_late(late, ruler):
    words = [f"Histogram of how many updates late gradients were, {ruler}."]
    for name, v in late.items():
        words.append(
            f"{name}: {v.size:,} gradients, mean {v.mean():.2f}, median {np.median(v):.0f}, "
            f"largest {v.max()}."
        )
    return " ".join(words)


def clock_drift(traces, bounds, ruler="virtual"):
    """Draw the workers' clocks over time, and the band in which the bound allows them to work.

    A clock is how many gradients a worker has done: it rises at the end of each span of work. Lines
    are thick where a worker works and dotted where it waits; nobody works above the band, whose
    lower edge is the slowest clock and whose upper edge lies s clocks higher.

    Parameters
    ----------
    traces : {label: Trace} in which each gradient is one span of work, and only workers work.
    bounds : {label: s}, the staleness of each; math.inf draws no band.  ruler : "virtual", "wall".

    Raises ValueError if there is no trace, one without work, or labels differ.
    """
    if not traces or list(traces) != list(bounds):
        raise ValueError("clock_drift needs one bound for each of one or more traces")
    spans = {name: _work(name, trace) for name, trace in traces.items()}
    ends = [s.end for of in spans.values() for own in of.values() for s in own]
    most = max(len(own) for of in spans.values() for own in of.values())
    panels = tuple(
        _clocks(name, of, bounds[name], max(ends), most, ruler) for name, of in spans.items()
    )
    words = [f"Clocks of workers over {ruler} time."]
    words += [_drifted(name, of, bounds[name]) for name, of in spans.items()]
    return Figure(panels, " ".join(words), largest=1.3)


def _work(name, trace):
    """Return {rank: its spans of work, in order}."""
    spans: dict = {}
    for span in trace.spans:
        if span.what == "work":
            spans.setdefault(span.rank, []).append(span)
    if not spans:
        raise ValueError(f"clock_drift needs work in the trace of {name}")
    return dict(sorted(spans.items()))


def _slowest(spans):
    """Return [(time, clock)]: from when on the slowest worker's clock was how much."""
    least = min(len(own) for own in spans.values())
    done = [max(own[c].end for own in spans.values()) for c in range(least)]
    return [(0.0, 0), *((t, c + 1) for c, t in enumerate(done))]


def _clocks(name, spans, bound, stop, most, ruler):
    axes = Axes((30, HEAD + 10, _SIDE - 22, _BOTTOM), [0.0, stop], [0, most])
    parts = [badge_at(_SIDE, ruler), axes.frame("time", f"clock, {name}", xunit="s")]
    if bound < math.inf:
        parts.append(_band(axes, _slowest(spans), bound, stop))
    for rank, own in spans.items():
        before, thick, thin = 0.0, [], []
        for clock, span in enumerate(own):
            y = float(axes.y(clock))
            x0, x1, x2 = (float(axes.x(t)) for t in (before, span.start, span.end))
            up = float(axes.y(clock + 1))
            thin.append(f"M{points([(x0, y), (x1, y)])}")
            thick.append(f"M{points([(x1, y), (x2, y), (x2, up)])}")
            before = span.end
        ink = {"fill": "none", "stroke": hue(rank)}
        dots = {"stroke_width": 1.2, "stroke_dasharray": "1.5 2.5", "class_": "waits"}
        parts.append(tag("path", d="".join(thin), **ink, **dots))
        words = title(f"rank {rank}: clock {len(own)} at {seconds(own[-1].end)}")
        parts.append(tag("path", words, d="".join(thick), stroke_width=1.8, class_="works", **ink))
    return Panel("".join(parts), _SIDE, _BOTTOM + 2.6 * LINE)


def _band(axes, slowest, bound, stop):
    """Return the region from the slowest clock to `bound` above it, as steps."""
    ends = [t for t, _ in slowest[1:]] + [stop]
    low, high = [], []
    for (start, clock), end in zip(slowest, ends, strict=True):
        for t in (start, end):
            low.append((float(axes.x(t)), float(axes.y(clock))))
            high.append((float(axes.x(t)), max(float(axes.y(clock + bound)), axes.top)))
    shade = {"fill": "currentColor", "fill_opacity": 0.11, "class_": "band"}
    region = tag("path", d=f"M{points([*low, *high[::-1]])}z", **shade)
    return region + polyline(high, stroke="currentColor", stroke_opacity=0.45)


def _drifted(name, spans, bound):
    """Say how far apart the clocks of working ranks got, in words."""
    slowest = _slowest(spans)
    ahead = 0
    for own in spans.values():
        for clock, span in enumerate(own):
            ahead = max(ahead, clock - max(c for t, c in slowest if t <= span.start))
    allowed = "no bound" if bound == math.inf else f"{bound} allowed"
    last = max(own[-1].end for own in spans.values())
    return (
        f"{name}: {len(spans)} workers, at most {ahead} clocks ahead of the slowest while at work, "
        f"{allowed}; done at {seconds(last)}."
    )
