"""The bandwidth ladder: how fast bytes move at each distance from the arithmetic."""

from typing import NamedTuple

from dlpar.figures.axes import Axes, tick_text
from dlpar.figures.figure import HEAD, Figure, Panel, badge_at
from dlpar.figures.svg import CHAR, LINE, hue, line, rect, text, title
from dlpar.rulers import si

_WIDTH, _ROW = 560.0, 38.0
_ROOM = int(_WIDTH / CHAR)  # characters of a line


class Rung(NamedTuple):
    """A path of bytes: its bandwidth, B/s, in one direction unless the name says otherwise."""

    name: str
    bandwidth: float
    source: str


def bandwidth_ladder(rungs, ruler="quoted"):
    """Draw one bar for each of `rungs`, from the fastest down, on a logarithmic axis.

    rungs : `Rung`s, or tuples (name, B/s, source); the source stands below the name.
    Raises ValueError if there is none, or a bandwidth is not above 0.
    """
    rungs = sorted((Rung(*rung) for rung in rungs), key=lambda rung: -rung.bandwidth)
    if not rungs or not all(0 < rung.bandwidth < float("inf") for rung in rungs):
        raise ValueError("bandwidth_ladder needs rungs with bandwidths above 0")
    low, high = rungs[-1].bandwidth / 4, rungs[0].bandwidth
    bottom = HEAD + 10 + _ROW * len(rungs)
    right = _WIDTH - 9 * CHAR
    axes = Axes((1, HEAD + 10, right, bottom), [low, high], [0, 1], logx=True)
    axes.xlim = (low, high)
    parts = [text(0, 15, "bandwidth, logarithmic", class_="soft"), badge_at(_WIDTH, ruler)]
    parts += _grid(axes, low, high)
    for k, rung in enumerate(rungs):
        y, end = HEAD + 10 + k * _ROW, float(axes.x(rung.bandwidth))
        words = title(f"{rung.name}: {si(rung.bandwidth, 'B/s')} ({rung.source})")
        parts.append(rect(1, y + 17, end - 1, 9, words, fill=hue(0), rx=1.5, class_="rung"))
        name = text(4, y + 12, _short(f"{rung.name} · {rung.source}"), class_="halo label")
        parts += [name, text(end + 6, y + 26, si(rung.bandwidth, "B/s"), class_="halo")]
    panel = Panel("".join(parts), _WIDTH, bottom + 1.6 * LINE)
    return Figure((panel,), _alt(rungs, ruler))


def _grid(axes, low, high):
    """Return a line and its words at each power of ten."""
    parts, power = [], 1.0
    while power <= high:
        if power >= low:
            x = float(axes.x(power))
            ink = {"stroke": "currentColor", "stroke_opacity": 0.14}
            parts.append(line(x, axes.top, x, axes.bottom + 4, **ink))
            words = tick_text(power, "B/s", True)
            parts.append(text(x, axes.bottom + LINE, words, text_anchor="middle", class_="soft"))
        power *= 10
    return parts


def _short(words):
    """Return `words` as far as they have room; the alternative text holds the whole."""
    return words if len(words) <= _ROOM else f"{words[: _ROOM - 1]}…"


def _alt(rungs, ruler):
    words = [f"{r.name}: {si(r.bandwidth, 'B/s')} ({r.source})" for r in rungs]
    ratio = rungs[0].bandwidth / rungs[-1].bandwidth
    return f"Bandwidths, {ruler}. {'; '.join(words)}. The first is {ratio:,.3g} times the last."
