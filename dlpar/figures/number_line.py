"""The number line of floating-point formats: how far they reach, and how far apart they stand."""

import numpy as np

from dlpar.figures.axes import Axes, tick_text
from dlpar.figures.figure import HEAD, Figure, Panel, header
from dlpar.figures.svg import LINE, hue, line, num, rect, tag, text, title
from dlpar.nn.formats import FORMATS

_WIDTH, _LEFT, _ROW = 560.0, 84.0, 34.0
_DENSE = 260  # numbers above which ticks would touch


def number_line(formats=FORMATS, upto=4.0):
    """Draw where `formats` have numbers: their reach on a logarithmic axis, and each one near 0.

    The first panel has a bar from the smallest to the largest number, paler where precision fades
    (subnormal numbers). The second has a tick for each number in [0, upto]; where they are too
    many to tell apart, a band.

    Raises ValueError without a format, or unless 0 < upto.
    Sources: IEEE 754-2019; Micikevicius et al., "FP8 Formats for Deep Learning", 2022.
    """
    if not formats or not 0 < upto < float("inf"):
        raise ValueError("number_line needs a format and upto above 0")
    return Figure((_reach(formats), _ticks(formats, upto)), _alt(formats, upto))


def _row(k, name):
    y = HEAD + 12 + k * _ROW
    return y, text(0, y + 17, name, class_="label", style=f"fill:{hue(k)}")


def _reach(formats):
    """Return the panel of ranges."""
    bottom = HEAD + 12 + _ROW * len(formats)
    ends = [f.smallest for f in formats] + [f.largest for f in formats]
    axes = Axes((_LEFT, HEAD + 4, _WIDTH - 4, bottom), ends, [0, 1], logx=True)
    parts = [header(_WIDTH, "reach of the positive numbers", "counted")]
    for power in range(-40, 41, 10):
        x = float(axes.x(10.0**power))
        if axes.left <= x <= axes.right - 10:  # the words stand around it
            parts.append(line(x, axes.top, x, bottom, stroke="currentColor", stroke_opacity=0.14))
            parts.append(
                text(
                    x,
                    bottom + LINE,
                    tick_text(10.0**power, "", True),
                    text_anchor="middle",
                    class_="soft",
                )
            )
    for k, f in enumerate(formats):
        y, name = _row(k, f.name)
        low, normal, high = (float(axes.x(v)) for v in (f.smallest, f.smallest_normal, f.largest))
        words = title(f"{f.name}: {f.smallest:.3g} to {f.largest:.5g}; eps {f.epsilon:.3g}")
        pale = {"fill": hue(k), "fill_opacity": 0.35}
        parts += [name, rect(low, y + 7, normal - low, 12, **pale, class_="subnormal")]
        parts.append(rect(normal, y + 7, high - normal, 12, words, fill=hue(k), class_="normal"))
    return Panel("".join(parts), _WIDTH, bottom + 1.5 * LINE)


def _ticks(formats, upto):
    """Return the panel of single numbers."""
    bottom = HEAD + 12 + _ROW * len(formats)
    axes = Axes((_LEFT, HEAD + 4, _WIDTH - 12, bottom), [0, upto], [0, 1])
    axes.xlim = (0.0, upto)
    parts = [header(_WIDTH, f"every number from 0 to {upto:g}", "counted")]
    for value in np.linspace(0, upto, 5):
        x = float(axes.x(value))
        parts.append(text(x, bottom + LINE, f"{value:g}", text_anchor="middle", class_="soft"))
    for k, f in enumerate(formats):
        y, name = _row(k, f.name)
        count = f.count(upto)
        words = title(f"{f.name}: {count:,} numbers in (0, {upto:g}]")
        parts.append(name)
        ink = {"stroke": hue(k), "stroke_width": 1}
        if count > _DENSE:
            x, end = (float(axes.x(v)) for v in (0, min(upto, f.largest)))
            parts.append(rect(x, y + 6, end - x, 14, words, fill=hue(k), class_="band"))
        else:
            xs = axes.x(f.numbers(upto))
            d = "".join(f"M{num(float(x))} {num(y + 6)}v14" for x in xs)
            parts.append(tag("path", words, d=d, class_="numbers", **ink))
    return Panel("".join(parts), _WIDTH, bottom + 1.5 * LINE)


def _alt(formats, upto):
    words = ["Number line of floating-point formats, counted."]
    for f in formats:
        words.append(
            f"{f.name}: {f.smallest:.3g} to {f.largest:.5g}, the number after 1 is "
            f"{1 + f.epsilon:.9g}, {f.count(upto):,} numbers from 0 to {upto:g}."
        )
    return " ".join(words)
