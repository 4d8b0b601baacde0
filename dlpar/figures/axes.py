"""Scales, ticks and direct labels for curves: linear or logarithmic, in plain SVG."""

import math

import numpy as np

from dlpar.figures.svg import LINE, line, tag, text
from dlpar.rulers import MARKS, badge, nbytes, si

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_SCALES = ((1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"), (1e-12, "p"))


def scaled(largest):
    """Return (1e-6, "µ") when the largest of some seconds is some microseconds, and so on."""
    for scale, prefix in _SCALES:
        if largest >= scale:
            return scale, prefix
    return _SCALES[0] if largest == 0 else _SCALES[-1]


def linear_ticks(low, high, most):
    """Return at most about `most` round numbers (1, 2, 2.5, 5 x 10^k) from `low` to `high`."""
    if not high > low:
        return [low]
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(
        s for s in (power, 2 * power, 2.5 * power, 5 * power, 10 * power) if s >= rough * (1 - 1e-9)
    )
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{i * step:.12g}") for i in range(first, last + 1)]


def log_ticks(low, high, most):
    """Return at most about `most` powers of ten from `low` to `high`.

    If they are few: 1, 2, 5 x 10^k, or 1, 3 x 10^k. Within one power of ten: evenly spaced numbers.
    """
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    every = max(1, -(-(last - first + 1) // most))
    tens = [10.0**k for k in range(first, last + 1) if k % every == 0]
    if len(tens) >= 3:
        return tens
    for factors in ((1, 2, 5), (1, 3)):
        fine = [float(f"{f}e{k}") for k in range(first - 1, last + 1) for f in factors]
        ticks = [t for t in fine if low * (1 - 1e-9) <= t <= high * (1 + 1e-9)]
        if len(ticks) <= most:
            break
    return ticks if len(ticks) >= 3 else linear_ticks(low, high, most)


class Axes:
    """A plotting area inside a drawing, with its scales; data in, markup out."""

    def __init__(self, box, xs, ys, logx=False, logy=False):
        """`box` is (left, top, right, bottom) in user units; `xs`, `ys` are all the data."""
        self.left, self.top, self.right, self.bottom = box
        self.logx, self.logy = logx, logy
        self.xlim: tuple[float, float] = _limits(xs, logx, 0.03)
        self.ylim: tuple[float, float] = _limits(ys, logy, 0.07)

    def x(self, value):
        """Return where `value` lies across."""
        return self.left + (self.right - self.left) * _share(value, self.xlim, self.logx)

    def y(self, value):
        """Return where `value` lies down."""
        return self.bottom - (self.bottom - self.top) * _share(value, self.ylim, self.logy)

    def points(self, xs, ys):
        """Return the drawn points of two arrays: (k, 2), without those that are not finite."""
        with np.errstate(divide="ignore", invalid="ignore"):
            drawn = np.stack([self.x(np.asarray(xs, float)), self.y(np.asarray(ys, float))], 1)
        return drawn[np.isfinite(drawn).all(1)]

    def frame(self, xlabel, ylabel, xunit="", yunit=""):
        """Return grid, ticks and the names of the axes; a unit puts SI prefixes on the ticks."""
        ink = {"stroke": "currentColor", "stroke_opacity": 0.12}
        left, top, right, bottom = self.left, self.top, self.right, self.bottom
        parts = [line(left, bottom, right, bottom, stroke="currentColor", stroke_opacity=0.5)]
        for tick in _ticks(self.xlim, self.logx, (right - left) / 70):
            at = self.x(tick)
            parts.append(line(at, top, at, bottom + 4, **ink))
            words = tick_text(tick, xunit, self.logx)
            parts.append(text(at, bottom + LINE, words, text_anchor="middle", class_="soft"))
        for tick in _ticks(self.ylim, self.logy, (bottom - top) / 34):
            at = self.y(tick)
            parts.append(line(left, at, right, at, **ink))
            words = tick_text(tick, yunit, self.logy)
            parts.append(text(left - 6, at + 4, words, text_anchor="end", class_="soft"))
        parts.append(text(self.right, self.bottom + 2.2 * LINE, xlabel, text_anchor="end"))
        parts.append(text(0, 15, ylabel))
        return "".join(parts)


def _ticks(limits, log, most):
    low, high = limits
    return (log_ticks if log else linear_ticks)(low, high, max(2, most))


def _limits(values, log, room):
    values = np.asarray(values, float)
    values = values[np.isfinite(values) & ((values > 0) | (not log))]
    if not values.size:
        return (1.0, 10.0) if log else (0.0, 1.0)
    low, high = float(values.min()), float(values.max())
    if log:
        more = (high / low) ** room if high > low else 2.0
        return low / more, high * more
    more = (high - low) * room or abs(high) * 0.1 or 1.0
    return (low if low == 0 else low - more), high + more


def _share(value, limits, log):
    low, high = limits
    if log:
        return (np.log10(value) - math.log10(low)) / (math.log10(high) - math.log10(low))
    return (value - low) / (high - low)


def tick_text(value, unit, log):
    """Return a tick's words: with its unit and an SI prefix, or plain, or as a power of ten."""
    if unit:
        number, name = si(value, unit).split(" ")
        return f"{float(number.replace(',', '')):g} {name}"
    if log and not 1e-3 <= value < 1e5:
        power = math.floor(math.log10(value) + 1e-9)
        ten = f"10{str(power).translate(_SUPERSCRIPTS)}"
        factor = value / 10.0**power
        return ten if abs(factor - 1) < 1e-6 else f"{factor:.0f}·{ten}"
    if abs(value) >= 1e6:
        number, prefix = si(value, "").split(" ")
        words = f"{float(number):g} {prefix}"
    else:
        words = f"{value:,.6g}"
    return words.replace("-", "\u2212")


def mark(x, y, ruler, ink, *children, size=9.0):
    """Return the shape of `ruler` centred on (x, y)."""
    where = f"translate({x - size / 2:.2f} {y - size / 2:.2f}) scale({size / 10:g})"
    return tag("path", *children, d=MARKS[badge(ruler).kind][1], fill=ink, stroke="var(--ground)",
               stroke_width=0.8, transform=where, class_="mark")  # fmt: skip


def amount(value, unit):
    """Return a value as text with its unit, or with four digits if it has none."""
    return nbytes(value) if unit == "B" else si(value, unit) if unit else f"{value:,.4g}"


def spread(wanted, gap, low, high):
    """Return heights near those `wanted`, at least `gap` apart where [low, high] has the room."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    placed = [0.0] * len(wanted)
    below = low
    for i in order:
        placed[i] = below = max(wanted[i], below)
        below += gap
    above = high
    for i in reversed(order):
        placed[i] = min(placed[i], above)
        above = placed[i] - gap
    return placed
