"""The histogram of magnitudes over what a format can hold: what is too small for it is shaded."""

import numpy as np

from dlpar.figures.axes import Axes
from dlpar.figures.figure import HEAD, Figure, Panel, header
from dlpar.figures.svg import LINE, hue, line, rect, text, title
from dlpar.nn.formats import rounded

_WIDTH, _HEIGHT = 560.0, 130.0


def magnitudes(values, form, ruler="counted"):
    """Draw, for each array of `values`, how many of its numbers have which power of two.

    values : {label: float array}; zeros are left out, the rest must be finite.
    form : a Format. Where it has no numbers the ground is shaded, and paler where it has only
        subnormal ones; the note says which share of the numbers becomes 0.

    Raises ValueError if there is no array, or one without a number to draw.
    """
    nonzero = {name: np.abs(v[np.nonzero(v)], dtype=float) for name, v in values.items()}
    if not nonzero or not all(v.size and np.isfinite(v).all() for v in nonzero.values()):
        raise ValueError("magnitudes needs arrays with finite numbers other than 0")
    powers = {name: np.frexp(v)[1] - 1 for name, v in nonzero.items()}
    low = min(int(p.min()) for p in powers.values())
    high = max(int(p.max()) for p in powers.values()) + 1
    limits = min(low, int(np.log2(form.smallest)) - 2), max(high, int(np.log2(form.largest)) + 2)
    lost = {name: float(np.mean(rounded(v, form) == 0)) for name, v in nonzero.items()}
    panels = [
        _panel(name, i, powers[name], lost[name], form, limits, ruler)
        for i, name in enumerate(nonzero)
    ]
    return Figure((_stacked(panels),), _alt(nonzero, lost, form, ruler))


def _panel(name, i, powers, lost, form, limits, ruler):
    """Return the markup of one histogram, drawn from y = 0 down."""
    counts = np.bincount(powers - limits[0], minlength=limits[1] - limits[0])
    axes = Axes((1, HEAD + 6, _WIDTH - 1, _HEIGHT), [0, 1], [0, counts.max()])
    axes.xlim = (float(limits[0]), float(limits[1]))
    said = f"{name}: {lost:.0%} become 0 in {form.name}"
    parts = [header(_WIDTH, said, ruler) if i == 0 else text(0, 15, said, class_="soft")]
    grounds, names = _zones(axes, form)
    parts += grounds
    base, step = axes.bottom, float(axes.x(1) - axes.x(0))
    for power, count in enumerate(counts, start=limits[0]):
        if count:
            x, y = float(axes.x(power)), float(axes.y(count))
            words = title(f"2^{power} to 2^{power + 1}: {count:,}")
            parts.append(rect(x, y, step - 1, base - y, words, fill=hue(i), class_="bar"))
    parts.append(line(axes.left, base, axes.right, base, stroke="currentColor", stroke_opacity=0.5))
    return "".join(parts + names + _powers(axes))


def _zones(axes, form):
    """Return grounds, shaded where numbers round to 0, are subnormal, too large; and names."""
    edges = [form.smallest / 2, form.smallest_normal, form.largest]
    zero, normal, end = (float(axes.x(np.log2(edge))) for edge in edges)
    grounds = [
        (axes.left, zero, 0.22, "becomes 0"),
        (zero, normal, 0.09, "subnormal"),
        (end, axes.right, 0.22, ""),
    ]
    parts, names = [], []
    for left, right, depth, words in grounds:
        shade = {"fill": "currentColor", "fill_opacity": depth}
        tall = axes.bottom - axes.top
        parts.append(rect(left, axes.top, max(0.0, right - left), tall, **shade, class_="zone"))
        names.append(text(left + 4, axes.top + 12, words, class_="halo"))
    return parts, names


def _powers(axes):
    parts = []
    for power in range(-150, 150, 10):
        if axes.xlim[0] + 1 <= power <= axes.xlim[1] - 2:
            x = float(axes.x(power))
            words = text(x, axes.bottom + LINE, f"2^{power}", text_anchor="middle", class_="soft")
            tick = {"stroke": "currentColor", "stroke_opacity": 0.5}
            parts += [line(x, axes.bottom, x, axes.bottom + 4, **tick), words]
    return parts


def _stacked(markups):
    """Return one panel of drawings below one another."""
    each = _HEIGHT + 1.8 * LINE
    moved = [f'<g transform="translate(0 {k * each:g})">{m}</g>' for k, m in enumerate(markups)]
    return Panel("".join(moved), _WIDTH, each * len(markups))


def _alt(values, lost, form, ruler):
    words = [f"Histogram of magnitudes over the range of {form.name}, {ruler}."]
    for name, v in values.items():
        words.append(
            f"{name}: {v.size:,} numbers from {v.min():.2g} to {v.max():.2g}; "
            f"{lost[name]:.0%} become 0."
        )
    return " ".join(words)
