"""The roofline: what a machine can do at most for a kernel's FLOPs a byte, and what it did."""

from typing import NamedTuple

import numpy as np

from dlpar.figures.axes import Axes, mark
from dlpar.figures.figure import HEAD, Figure, Panel, badge_at
from dlpar.figures.labels import labels
from dlpar.figures.svg import LINE, hue, line, polyline, text, title
from dlpar.rulers import si

_WIDTH, _BOTTOM = 560.0, 300.0


class Roof(NamedTuple):
    """What bounds a machine: its peak, FLOP/s, and its memory bandwidth, B/s."""

    name: str
    flops: float
    bandwidth: float


def roofline(points, machines, ruler="quoted"):
    """Draw the roofs of `machines` over arithmetic intensity, both axes logarithmic, and `points`.

    Parameters
    ----------
    points : {label: (FLOP/B, FLOP/s)}; or {label: FLOP/B}, drawn as a line up to the highest roof:
        where a kernel stands before anybody has timed it.
    machines : `Roof`s, or data sheets from `dlpar.gpu.cards`: their FP32 peak is the roof.
    ruler : of the points' FLOP/s; of the roofs, if no point has any.

    Raises ValueError if there is no machine, or a number is not above 0.
    Source: Williams, Waterman and Patterson, CACM 2009.
    """
    roofs = [_roof(machine) for machine in machines]
    if not roofs:
        raise ValueError("roofline needs a machine")
    at = {name: value if np.ndim(value) else (value, None) for name, value in points.items()}
    numbers = [n for value in [*(r[1:] for r in roofs), *at.values()] for n in value]
    if not all(n is None or (np.isfinite(n) and n > 0) for n in numbers):
        raise ValueError("roofline is logarithmic: numbers must be above 0 and finite")
    ridges = [roof.flops / roof.bandwidth for roof in roofs]
    xs = [min(ridges) / 30, max(ridges) * 8, *(x for x, _ in at.values())]
    low = min(xs)
    ys = [low * roof.bandwidth for roof in roofs] + [roof.flops * 1.5 for roof in roofs]
    ys += [y for _, y in at.values() if y is not None]
    axes = Axes((74, HEAD + 10, _WIDTH, _BOTTOM), xs, ys, logx=True, logy=True)
    parts = [badge_at(_WIDTH, ruler), axes.frame("arithmetic intensity, FLOP/B", "FLOP/s")]
    curves = [_curve(axes, roof) for roof in roofs]
    for i, curve in enumerate(curves):
        parts.append(polyline(curve, stroke=hue(i), stroke_width=2, class_="roof"))
    untimed = sorted((name for name, (_, y) in at.items() if y is None), key=lambda n: at[n][0])
    for name, (x, y) in at.items():
        step = untimed.index(name) if y is None else 0
        parts += _point(axes, roofs, name, x, y, ruler, step)
    bounds = (axes.left, axes.top, axes.right, axes.bottom)
    inks = [hue(i) for i in range(len(roofs))]
    parts += labels([roof.name for roof in roofs], curves, inks, bounds)
    panel = Panel("".join(parts), _WIDTH, _BOTTOM + 2.6 * LINE)
    return Figure((panel,), _alt(roofs, at, ruler))


def _roof(machine):
    return machine if isinstance(machine, Roof) else Roof(
        machine.name, machine.fp32, machine.bandwidth
    )  # fmt: skip


def attainable(roof, intensity):
    """Return the most that a machine can do, FLOP/s, at `intensity`, FLOP/B."""
    return min(roof.flops, roof.bandwidth * intensity)


def _curve(axes, roof):
    low, high = axes.xlim
    xs = [low, roof.flops / roof.bandwidth, high]
    return axes.points(xs, [attainable(roof, x) for x in xs])


def _point(axes, roofs, name, x, y, ruler, step):
    """Return a kernel's mark, or the line at its intensity up to the highest roof.

    step : lines of text that the name of such a line stands above the axis.
    """
    across = float(axes.x(x))
    words = f"{name}: {x:.3g} FLOP/B"
    if y is None:
        top = float(axes.y(max(attainable(roof, x) for roof in roofs)))
        style = {"stroke": "currentColor", "stroke_opacity": 0.6, "stroke_dasharray": "3 3"}
        drawn = line(across, axes.bottom, across, top, title(words), class_="kernel", **style)
        return [drawn, _name(axes, across, axes.bottom - 8 - step * LINE, name)]
    drawn = mark(across, float(axes.y(y)), ruler, "currentColor",
                 title(f"{words}, {si(y, 'FLOP/s')}"))  # fmt: skip
    return [drawn, _name(axes, across, float(axes.y(y)) + 4, name)]


def _name(axes, x, y, name):
    """Return a name right of x, or left where there is no room."""
    left = x > (axes.left + axes.right) / 2
    at, anchor = (x - 8, "end") if left else (x + 8, "start")
    return text(at, y, name, text_anchor=anchor, class_="halo label")


def _alt(roofs, at, ruler):
    words = [f"Roofline, {ruler}."]
    for roof in roofs:
        words.append(
            f"{roof.name}: at most {si(roof.flops, 'FLOP/s')} and {si(roof.bandwidth, 'B/s')}, "
            f"which meet at {roof.flops / roof.bandwidth:.3g} FLOP/B."
        )
    for name, (x, y) in at.items():
        if y is None:
            best = max(attainable(roof, x) for roof in roofs)
            words.append(f"{name}: {x:.3g} FLOP/B, at most {si(best, 'FLOP/s')}.")
        else:
            words.append(f"{name}: {x:.3g} FLOP/B, {si(y, 'FLOP/s')}.")
    return " ".join(words)
