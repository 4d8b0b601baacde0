"""Where a failing training's time goes: work that lasts, saves, work that is lost, restarts."""

from itertools import pairwise

from dlpar.figures.axes import Axes
from dlpar.figures.figure import HEAD, Figure, Panel, header
from dlpar.figures.svg import LINE, box, hue, line, tag, text, title

_WIDTH, _ROW, _TALL = 520.0, 60.0, 28.0
_LOOKS = {  # hue and height, so that nobody has to tell colours apart
    "work": (hue(2), 1.0),
    "save": (hue(0), 0.8),
    "lost": (hue(3), 0.5),
    "restart": (hue(1), 0.25),
}


def time_spent(rows, hours, ruler="virtual"):
    """Draw, for each of `rows`, what the first `hours` went into; a tick is a failure.

    rows : {label: [(what, start, end), ...]}, s, as `dlpar.resilience.goodput.episodes` returns
        them. "work" is as high as the row, "save" lower, "lost" half as high, "restart" lowest.

    Raises ValueError without a row, for hours that are not above 0, or for an unknown word.
    """
    if not rows or not hours > 0:
        raise ValueError("time_spent needs a row, and hours above 0")
    for episodes in rows.values():
        for what, *_ in episodes:
            if what not in _LOOKS:
                raise ValueError(f"an episode is one of {', '.join(_LOOKS)}, got {what!r}")
    bottom = HEAD + LINE + _ROW * len(rows)
    axes = Axes((1, HEAD, _WIDTH - 1, bottom), [0, hours], [0, 1])
    axes.xlim = (0.0, hours)
    parts = [header(_WIDTH, "what lasts, over all time", ruler), *_legend()]
    cut = {name: _first(episodes, 3600 * hours) for name, episodes in rows.items()}
    for k, (name, episodes) in enumerate(cut.items()):
        parts += _row(axes, HEAD + LINE + _ROW * k, name, episodes)
    step = next(s for s in (0.5, 1, 2, 4, 6, 12, 24, 48, 96) if hours / s <= 7 or s == 96)
    ticks = [step * k for k in range(1, int(hours / step + 1e-9))]
    parts += [
        text(float(axes.x(t)), bottom + LINE, f"{t:g} h", text_anchor="middle", class_="soft")
        for t in ticks
    ]
    return Figure((Panel("".join(parts), _WIDTH, bottom + 1.5 * LINE),), _alt(cut, hours, ruler))


def _first(episodes, stop):
    """Return the episodes until `stop`, s."""
    return [(what, start, min(end, stop)) for what, start, end in episodes if start < stop]


def _shares(episodes):
    total = sum(end - start for _, start, end in episodes) or 1.0
    return {
        kind: sum(end - start for what, start, end in episodes if what == kind) / total
        for kind in _LOOKS
    }


def _row(axes, top, name, episodes):
    base = top + LINE + 4 + _TALL
    shares = _shares(episodes)
    parts = [text(0, top + 14, f"{name}: {100 * shares['work']:.0f} %")]
    for kind, (ink, height) in _LOOKS.items():
        boxes = "".join(
            box(x, base - height * _TALL, max(float(axes.x(end / 3600)) - x, 0.05), height * _TALL)
            for what, start, end in episodes
            if what == kind
            for x in [float(axes.x(start / 3600))]
        )
        if boxes:
            words = title(f"{name}: {100 * shares[kind]:.1f} % {kind}")
            parts.append(tag("path", words, d=boxes, fill=ink, class_=kind))
    ends = [end for (_, _, end), after in pairwise(episodes) if after[0] == "restart"]
    for end in ends:
        x = float(axes.x(end / 3600))
        parts.append(line(x, base - _TALL - 3, x, base + 3, stroke="currentColor",
                          stroke_width=1.4, class_="failure"))  # fmt: skip
    return parts


def _legend():
    x, parts = 0.0, []
    for kind, (ink, _) in _LOOKS.items():
        parts.append(text(x, HEAD + 12, kind, style=f"fill:{ink}", font_weight=700))
        x += 20 + 10 * len(kind)
    return parts


def _alt(rows, hours, ruler):
    words = [f"Where the time of a failing training went in {hours:g} hours, {ruler}."]
    for name, episodes in rows.items():
        told = ", ".join(f"{100 * share:.1f} % {kind}" for kind, share in _shares(episodes).items())
        words.append(f"{name}: {told}.")
    return " ".join(words)
