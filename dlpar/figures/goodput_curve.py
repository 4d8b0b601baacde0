"""Goodput over the interval between checkpoints: measured, expected, and where the top is."""

import numpy as np

from dlpar.figures.axes import Axes, mark
from dlpar.figures.figure import HEAD, Figure, Panel, badge_at
from dlpar.figures.labels import labels
from dlpar.figures.svg import LINE, hue, line, polyline, text, title
from dlpar.rulers import badge, seconds

_WIDTH, _BOTTOM = 520.0, 290.0


def goodput_curve(intervals, measured=None, model=None, optima=None, *, ruler):
    """Plot goodput over the interval between checkpoints, which is logarithmic.

    Parameters
    ----------
    intervals : (k,) s above 0, 2 or more different ones.
    measured : {label: (k,) shares of the time, 0 to 1}, drawn as marks.
    model : {label: function of (m,) s -> (m,) shares}, drawn as lines. A measurement and a model
        of one label share a hue.
    optima : {name: s}, drawn as dashed lines down to the axis: "Young", "Daly", ...
    ruler : of what was measured, or of the models if nothing was.

    Raises ValueError if nothing is given, a length differs, or a number lies outside its range.
    """
    x = np.asarray(intervals, float)
    if x.ndim != 1 or len(np.unique(x)) < 2 or not (np.isfinite(x).all() and x.min() > 0):
        raise ValueError("goodput_curve needs two or more different intervals above 0")
    measured = {name: np.asarray(ys, float) for name, ys in (measured or {}).items()}
    model, optima = model or {}, optima or {}
    if not measured and not model:
        raise ValueError("goodput_curve needs measured or model")
    for name, ys in measured.items():
        if ys.shape != x.shape or not ((ys >= 0) & (ys <= 1)).all():
            raise ValueError(f"goodput_curve needs {x.shape} shares of 0 to 1 for {name}")
    between = np.geomspace(x.min(), x.max(), 97)
    lines = {name: np.asarray(f(between), float) for name, f in model.items()}
    names = list(dict.fromkeys([*measured, *lines]))
    box = (48, HEAD + 10 + LINE * len(optima), _WIDTH - 8, _BOTTOM)
    minutes = x.max() >= 3600  # nobody thinks in kiloseconds
    axes = Axes(box, x / 60 if minutes else x, [0.0, 1.0], logx=True)
    axes.ylim = (0.0, 1.0)
    badge(ruler)
    words = "minutes between two checkpoints" if minutes else "between two checkpoints"
    parts = [badge_at(_WIDTH, ruler), axes.frame(words, "goodput", xunit="" if minutes else "s")]
    if minutes:
        axes.xlim = (60 * axes.xlim[0], 60 * axes.xlim[1])
    parts += _optima(axes, optima)
    inks = [hue(i) for i in range(len(names))]
    curves = []
    for name, ink in zip(names, inks, strict=True):
        if name in lines:
            curves.append(axes.points(between, lines[name]))
            parts.append(polyline(curves[-1], stroke=ink, stroke_width=2))
        if name in measured:
            dots = axes.points(x, measured[name])
            if name not in lines:
                curves.append(dots)
            for (at, y), tau, share in zip(dots, x, measured[name], strict=True):
                words = title(f"{name}, every {_span(tau)}: {share:.3f}")
                parts.append(mark(float(at), float(y), ruler, ink, words))
    bounds = (axes.left, axes.top, axes.right, axes.bottom)
    parts += labels(names, curves, inks, bounds)
    return Figure(
        (Panel("".join(parts), _WIDTH, _BOTTOM + 2.6 * LINE),),
        _alt(x, measured, between, lines, optima, ruler),
    )


def _optima(axes, optima):
    """Return a dashed line for each optimum inside, and its name on a row of its own."""
    low, high = axes.xlim
    inside = sorted((tau, name) for name, tau in optima.items() if low <= tau <= high)
    parts = []
    for k, (tau, name) in enumerate(inside):  # a later line crosses no words of an earlier one
        at, top = float(axes.x(tau)), HEAD + 6 + LINE * k
        dash = {"stroke_dasharray": "5 3", "stroke_opacity": 0.7, "class_": "optimum"}
        parts.append(line(at, top + 4, at, axes.bottom, stroke="currentColor", **dash))
        left = at > 0.3 * axes.left + 0.7 * axes.right
        parts.append(text(at - 6 if left else at + 6, top + 8, f"{name}: {_span(tau)}",
                          text_anchor="end" if left else "start"))  # fmt: skip
    return parts


def _span(tau):
    return f"{tau / 60:.1f} min" if tau >= 100 else seconds(tau)


def _alt(x, measured, between, lines, optima, ruler):
    span = f"from {_span(x.min())} to {_span(x.max())}"
    words = [f"Goodput over the interval between checkpoints, {span}, {ruler}."]
    for name, ys in measured.items():
        best = int(np.argmax(ys))
        words.append(
            f"{name}, measured: {ys[0]:.3f} at the shortest, {ys[-1]:.3f} at the longest, the "
            f"highest of {len(x)} is {ys[best]:.3f}, every {_span(x[best])}."
        )
    for name, ys in lines.items():
        best = int(np.argmax(ys))
        words.append(f"{name}, expected: highest near {_span(between[best])}, with {ys[best]:.3f}.")
    words += [f"{name}: {_span(tau)}." for name, tau in optima.items()]
    return " ".join(words)
