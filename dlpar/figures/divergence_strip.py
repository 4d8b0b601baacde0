"""The divergence strip: which lanes of a warp worked in each statement that it ran."""

from dlpar.figures.figure import HEAD, Figure, Panel, header
from dlpar.figures.svg import CHAR, LINE, box, counted, hue, tag, text

MOST = 60  # statements that have room
_WIDTH, _ROW, _WORDS = 560.0, 17.0, 34


def divergence_strip(trace, warp=None):
    """Draw a row for each statement that a warp ran, in order, with a cell for each of its lanes.

    Filled cells worked; open ones waited for the others.

    trace : WarpTrace, from `dlpar.gpu.trace`.  warp : one of its warps; default: its first.
    Raises ValueError if the warp ran nothing, or more than 60 statements.
    """
    ran = trace.statements
    warp = ran[0].warp if warp is None and ran else warp
    ran = [event for event in ran if event.warp == warp]
    if not 1 <= len(ran) <= MOST:
        raise ValueError(f"divergence_strip draws 1 to {MOST} statements, got {len(ran)}")
    left = min(_WORDS, max(len(_short(event.text)) for event in ran)) * CHAR * 0.86 + 42
    cell = (_WIDTH - left) / 32
    top = HEAD + LINE + 6
    parts = [header(_WIDTH, f"{trace.kernel}, warp {warp}", "counted")]
    for lane in (0, 8, 16, 24, 31):
        x = left + (lane + 0.5) * cell
        parts.append(text(x, top - 5, lane, text_anchor="middle", class_="soft"))
    for k, event in enumerate(ran):
        y = top + k * _ROW
        parts.append(text(28, y + 12, event.line, text_anchor="end", class_="soft"))
        parts.append(text(36, y + 12, _short(event.text), class_="statement"))
        parts += _cells(event.lanes, left, y, cell)
    share = sum(int(event.lanes.sum()) for event in ran) / (32 * len(ran))
    foot = top + len(ran) * _ROW + LINE
    parts.append(text(0, foot, f"{share:.0%} of the lanes of these statements worked"))
    panel = Panel("".join(parts), _WIDTH, foot + 8)
    return Figure((panel,), _alt(trace, warp, ran, share))


def _cells(lanes, left, y, cell):
    """Return one path for the lanes that worked and one for those that waited."""
    places = [box(left + lane * cell + 1, y + 2, cell - 2, _ROW - 4) for lane in range(32)]
    worked = "".join(place for place, on in zip(places, lanes, strict=True) if on)
    waited = "".join(place for place, on in zip(places, lanes, strict=True) if not on)
    parts = [tag("path", d=worked, fill=hue(0), class_="worked")]
    if waited:
        ink = {"fill": "none", "stroke": "currentColor", "stroke_opacity": 0.3}
        parts.append(tag("path", d=waited, class_="waited", **ink))
    return parts


def _short(words):
    return words if len(words) <= _WORDS else words[: _WORDS - 1] + "…"


def _alt(trace, warp, ran, share):
    fewest = min(ran, key=lambda event: event.lanes.sum())
    split = sum(not event.lanes.all() for event in ran)
    return (
        f"Divergence strip of warp {warp} of {trace.kernel}: {counted(len(ran), 'statement')}, "
        f"{split} of them by part of its lanes, fewest in `{fewest.text}`: "
        f"{int(fewest.lanes.sum())} of 32. {share:.0%} of the lanes worked."
    )
