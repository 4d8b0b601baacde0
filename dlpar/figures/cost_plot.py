"""The log-log cost plot: the model is a line, what was measured are marks."""

import numpy as np

from dlpar.figures.axes import Axes, amount, mark, spread
from dlpar.figures.figure import HEAD, Figure, Panel, badge_at
from dlpar.figures.svg import CHAR, LINE, hue, line, polyline, text, title
from dlpar.rulers import Wall

_WIDTH, _BOTTOM = 520.0, 290.0


def cost_plot(x, measured=None, model=None, *, xlabel, ylabel, ruler, xunit="", yunit=""):
    """Plot costs over sizes, both logarithmic: models as lines, measured values as marks.

    Parameters
    ----------
    x : (k,) numbers above 0.
    measured : {label: (k,) numbers above 0, or `Wall`s, which get their IQR as a bar}.
    model : {label: (k,) numbers above 0, or a function of one x}. A model and a measurement of
        one label share a hue.
    ruler : of the measured values (of the model, if nothing is measured).
    xunit, yunit : "s", "B", ...; the ticks then carry it with an SI prefix.

    Raises ValueError if a length differs, a value is not above 0, or nothing is given.
    """
    x = _positive("x", x)
    measured = {name: list(values) for name, values in (measured or {}).items()}
    model = model or {}
    if not measured and not model:
        raise ValueError("cost_plot needs measured or model")
    at_x = {name: [f(v) for v in x] if callable(f) else f for name, f in model.items()}
    lines = {name: _positive(name, values, len(x)) for name, values in at_x.items()}
    medians = {name: _positive(name, map(_middle, ys), len(x)) for name, ys in measured.items()}
    names = list(dict.fromkeys([*medians, *lines]))
    wide = max(60.0, CHAR * max(len(str(name)) for name in names) + 14)
    bars = [q for ys in measured.values() for y in ys if isinstance(y, Wall) for q in (y.q1, y.q3)]
    ys = np.concatenate([*medians.values(), *lines.values(), np.array(bars)])
    axes = Axes((66, HEAD + 10, _WIDTH - wide, _BOTTOM), x, ys, logx=True, logy=True)
    parts = [badge_at(_WIDTH, ruler), axes.frame(xlabel, ylabel, xunit, yunit)]
    for i, name in enumerate(names):
        if name in lines:
            curve = axes.points(*_curve(name, model[name], x, lines[name]))
            parts.append(polyline(curve, stroke=hue(i), stroke_width=2))
        else:  # a faint thread to follow, where no model leads the eye
            thread = {"stroke_dasharray": "1 4", "stroke_linecap": "round", "opacity": 0.7}
            parts.append(polyline(axes.points(x, medians[name]), stroke=hue(i), **thread))
        for size, y in zip(x, measured.get(name, ()), strict=name in measured):
            words = f"{amount(size, xunit)}: {y if isinstance(y, Wall) else amount(y, yunit)}"
            parts += _measured(axes, size, y, ruler, hue(i), words)
    ends = [float(axes.y((lines | medians)[name][-1])) for name in names]
    parts += _end_labels(axes, names, ends)
    alt = _alt(x, medians, lines, f"{ruler}: {ylabel} over {xlabel}", xunit, yunit)
    return Figure((Panel("".join(parts), _WIDTH, _BOTTOM + 2.6 * LINE),), alt)


def _curve(name, model, x, values):
    """Return a model's line: a function's true course also between the sizes."""
    if not callable(model):
        return x, values
    between = np.union1d(x, np.geomspace(x.min(), x.max(), 65))
    return between, _positive(name, map(model, between))


def _middle(y):
    return y.median if isinstance(y, Wall) else y


def _positive(name, values, length=None):
    values = np.asarray(list(values), float)
    if values.ndim != 1 or not values.size or (length is not None and len(values) != length):
        needed = "(k,)" if length is None else f"({length},)"
        raise ValueError(f"cost_plot needs shape {needed} for {name}, got {values.shape}")
    if not (np.isfinite(values).all() and (values > 0).all()):
        raise ValueError(f"cost_plot is logarithmic: {name} must be above 0 and finite")
    return values


def _measured(axes, size, y, ruler, ink, words):
    at, parts = float(axes.x(size)), []
    if isinstance(y, Wall):
        low, high = float(axes.y(y.q1)), float(axes.y(y.q3))
        style = {"stroke": ink, "stroke_width": 1.4}
        parts.append(line(at, low, at, high, class_="iqr", **style))
        parts += [line(at - 4, q, at + 4, q, **style) for q in (low, high)]
    return [*parts, mark(at, float(axes.y(_middle(y))), ruler, ink, title(words))]


def _end_labels(axes, names, heights):
    """Return the names right of the ends of their curves, moved apart where they would meet."""
    placed = spread(heights, LINE, axes.top + 4, axes.bottom)
    return [
        text(axes.right + 8, y + 4, name, style=f"fill:{hue(i)}", class_="label")
        for i, (name, y) in enumerate(zip(names, placed, strict=True))
    ]


def _alt(x, medians, lines, what, xunit, yunit):
    words = [f"Log-log plot, {what}, from {amount(x[0], xunit)} to {amount(x[-1], xunit)}."]
    for kind, curves in (("measured", medians), ("model", lines)):
        for name, ys in curves.items():
            words.append(f"{name}, {kind}: {amount(ys[0], yunit)} to {amount(ys[-1], yunit)}.")
    for name in [name for name in medians if name in lines]:
        off = np.exp(np.abs(np.log(medians[name] / lines[name])).max())
        words.append(f"Measured and model of {name} differ by a factor of at most {off:.3g}.")
    return " ".join(words)
