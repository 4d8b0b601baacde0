"""Bars, bits, and what the receiver sees: numbers that were sent in one bit each."""

import numpy as np

from dlpar.figures.axes import Axes
from dlpar.figures.figure import HEAD, Figure, Panel, header
from dlpar.figures.svg import LINE, hue, line, polyline, rect, text, title

_WIDTH, _BOTTOM = 520.0, 190.0
_MANY = 32  # more numbers than this get no digits below them


def one_bit_bars(values, told, note="", mean=None, ruler="counted"):
    """Draw `values` as bars, the bit of each below, and as steps what the receiver is told.

    Parameters
    ----------
    values, told : (k,) finite numbers; the bit of a value is 1 where it is told as the higher of
        the two heights around it, that is where told >= the mean of all that is told.
    note : words above the drawing.
    mean : (k,) or None; a curve to draw besides, as a running mean of what was told.

    Raises ValueError if shapes differ, or there is nothing to draw.
    """
    values, told = np.asarray(values, float), np.asarray(told, float)
    shapes = {a.shape for a in (values, told, *([] if mean is None else [np.asarray(mean)]))}
    if len(shapes) > 1 or values.ndim != 1 or not values.size:
        raise ValueError(f"one_bit_bars needs arrays of one shape, (k,) with k >= 1, got {shapes}")
    if not (np.isfinite(values).all() and np.isfinite(told).all()):
        raise ValueError("one_bit_bars needs finite numbers")
    bits = told >= (told.min() + told.max()) / 2
    axes = Axes((36, HEAD + 10, _WIDTH - 2, _BOTTOM), [0, 1], [0, *values, *told])
    axes.xlim = (0.0, float(values.size))
    parts = [header(_WIDTH, note, ruler), _heights(axes, told)]
    step = float(axes.x(1) - axes.x(0))
    for i, (value, saw, bit) in enumerate(zip(values, told, bits, strict=True)):
        x, zero, y = float(axes.x(i)), float(axes.y(0)), float(axes.y(value))
        words = title(f"{value:.3g}, told as {saw:.3g}")
        parts.append(rect(x + 0.16 * step, min(zero, y), 0.68 * step, abs(y - zero), words,
                          fill=hue(0 if bit else 1), fill_opacity=0.62, class_="bar"))  # fmt: skip
        if values.size <= _MANY:
            parts.append(text(x + step / 2, _BOTTOM + LINE, f"{bit:d}", text_anchor="middle"))
    thin = 2.2 if values.size <= _MANY else 1.1
    steps = _steps(axes, told)
    parts.append(polyline(steps, stroke="currentColor", stroke_width=thin, class_="told"))
    if mean is not None:
        curve = axes.points(np.arange(values.size) + 0.5, mean)
        parts.append(polyline(curve, stroke=hue(3), stroke_width=2.6, class_="mean"))
    tall = _BOTTOM + (1.6 if values.size <= _MANY else 0.5) * LINE
    return Figure((Panel("".join(parts), _WIDTH, tall),), _alt(values, told, bits, mean, ruler))


def _heights(axes, told):
    """Return a line at 0, and the heights at the side: 0 and the two that are told."""
    ends = (axes.left, float(axes.y(0)), axes.right, float(axes.y(0)))
    parts = [line(*ends, stroke="currentColor", stroke_opacity=0.5)]
    for height in sorted({0.0, float(told.min()), float(told.max())}):
        words = f"{height:.2g}".replace("-", "\u2212")
        y = float(axes.y(height)) + 4
        parts.append(text(axes.left - 6, y, words, text_anchor="end", class_="soft"))
    return "".join(parts)


def _steps(axes, told):
    return [
        (float(axes.x(i + side)), float(axes.y(saw)))
        for i, saw in enumerate(told)
        for side in (0, 1)
    ]


def _alt(values, told, bits, mean, ruler):
    lost = np.linalg.norm(values - told) / (np.linalg.norm(values) or 1.0)
    words = [f"{values.size} numbers as bars, and what one bit each tells of them, {ruler}."]
    if values.size <= _MANY:
        words.append(f"Bits {''.join(f'{bit:d}' for bit in bits)}.")
    words.append(
        f"{bits.sum()} are told as {told.max():.3g}, the others as {told.min():.3g}; the "
        f"difference is {100 * lost:.0f} % of the length of what was sent."
    )
    if mean is not None:
        off = np.abs(np.asarray(mean) - values).max()
        words.append(f"A running mean of what is told is at most {off:.2g} off.")
    return " ".join(words)
