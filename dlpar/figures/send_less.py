"""What sending less is worth: the loss against bytes, and the time to a loss against the link."""

import math

import numpy as np

from dlpar.figures.axes import Axes, amount, log_ticks, mark, spread, tick_text
from dlpar.figures.figure import HEAD, Figure, Panel, badge_at
from dlpar.figures.labels import labels
from dlpar.figures.svg import CHAR, LINE, hue, line, polyline, text, title
from dlpar.rulers import nbytes, seconds

_WIDTH, _BOTTOM = 520.0, 290.0


def loss_against_bytes(runs, target=None, ruler="counted"):
    """Plot, for each run, the loss over the bytes that a rank had sent by then, both logarithmic.

    runs : {label: (bytes (k,), loss (k,))}, numbers above 0; what is not finite is left out.
    target : a loss to draw as a level; a mark shows where a run first reaches it.

    Raises ValueError if there is no run, or one whose arrays differ in shape.
    """
    curves = {name: tuple(np.asarray(a, float) for a in run) for name, run in runs.items()}
    if not curves or any(
        b.shape != a.shape or b.ndim != 1 or not b.size for a, b in curves.values()
    ):
        raise ValueError("loss_against_bytes needs (bytes, loss), both (k,), for one or more runs")
    xs = np.concatenate([sent for sent, _ in curves.values()])
    ys = np.concatenate([loss for _, loss in curves.values()] + [[target or math.nan]])
    axes = Axes((46, HEAD + 10, _WIDTH - 12, _BOTTOM), xs, ys, logx=True, logy=True)
    parts = [badge_at(_WIDTH, ruler), axes.frame("bytes that a rank has sent", "loss", "B")]
    drawn, inks = [], [hue(i) for i in range(len(curves))]
    for (name, (sent, loss)), ink in zip(curves.items(), inks, strict=True):
        drawn.append(axes.points(sent, loss))
        parts.append(polyline(drawn[-1], stroke=ink, stroke_width=1.8, stroke_linejoin="round"))
        hit = _reached(loss, target)
        if hit is not None:
            at = float(axes.x(sent[hit])), float(axes.y(loss[hit]))
            parts.append(mark(*at, ruler, ink, title(f"{name}: {nbytes(sent[hit])}")))
    if target is not None:
        y = float(axes.y(target))
        ends = [(axes.left, y), (axes.right, y)]
        parts.append(polyline(ends, stroke="currentColor", stroke_dasharray="4 3", opacity=0.7))
    bounds = (axes.left, axes.top, axes.right, axes.bottom)
    parts += labels(list(curves), drawn, inks, bounds)
    alt = [f"Loss over bytes sent, log-log, {ruler}."]
    for name, (sent, loss) in curves.items():
        hit = _reached(loss, target)
        reached = "" if hit is None else f", {target:g} after {nbytes(sent[hit])}"
        alt.append(f"{name}: {loss[-1]:.3g} after {nbytes(sent[-1])}{reached}.")
    return Figure((Panel("".join(parts), _WIDTH, _BOTTOM + 2.6 * LINE),), " ".join(alt))


def _reached(loss, target):
    below = [] if target is None else np.flatnonzero(loss <= target)
    return int(below[0]) if len(below) else None


def link_speeds(links, measured, model, break_evens, ruler="virtual"):
    """Plot the time to a loss over the bandwidth of a link, with the predicted break-evens.

    Parameters
    ----------
    links : {name: bandwidth, B/s}, at which runs were made.
    measured : {label: (k,) s}, one for each link.
    model : {label: function of a bandwidth, B/s, that returns s}.
    break_evens : {label: bandwidth}: dashed lines; what lies beyond the fastest is not drawn.

    Raises ValueError if a label has no model, or not one time for each link.
    """
    speeds = np.array([*links.values()], float)
    if measured.keys() != model.keys() or any(len(v) != speeds.size for v in measured.values()):
        raise ValueError("link_speeds needs a model and a time for each link, for each label")
    fine = np.geomspace(speeds.min(), speeds.max(), 80)
    curves = {name: np.array([of(v) for v in fine]) for name, of in model.items()}
    ys = np.concatenate([*curves.values(), *map(np.asarray, measured.values())])
    wide = max(60.0, CHAR * max(len(name) for name in curves) + 14)
    axes = Axes((66, HEAD + 26, _WIDTH - wide, _BOTTOM), fine, ys, logx=True, logy=True)
    parts = [badge_at(_WIDTH, ruler), _frame(axes, links)]
    for i, name in enumerate(curves):
        parts.append(polyline(axes.points(fine, curves[name]), stroke=hue(i), stroke_width=2))
        for (link, speed), took in zip(links.items(), measured[name], strict=True):
            words = title(f"{name}, {link}: {seconds(took)}")
            parts.append(mark(float(axes.x(speed)), float(axes.y(took)), ruler, hue(i), words))
    names = list(curves)
    seen = {name: float(axes.x(at)) for name, at in break_evens.items() if at <= speeds.max()}
    for name, x in seen.items():
        ink = hue(names.index(name)) if name in names else "currentColor"
        dash = {"stroke": ink, "stroke_dasharray": "5 4", "stroke_width": 1.4}
        parts.append(line(x, axes.top, x, axes.bottom, **dash, class_="even"))
    if seen:
        left, words = min(seen.values()) - 6, "break-even, predicted"
        parts.append(text(left, axes.top + 8, words, text_anchor="end", class_="halo"))
    placed = spread([float(axes.y(c[-1])) for c in curves.values()], LINE, axes.top, axes.bottom)
    parts += [
        text(axes.right + 8, y + 4, name, style=f"fill:{hue(i)}", class_="label")
        for i, (name, y) in enumerate(zip(names, placed, strict=True))
    ]
    alt = [f"Time to a loss over the speed of the link, log-log, {ruler}."]
    for name, took in measured.items():
        told = [f"{link} {seconds(t)}" for link, t in zip(links, took, strict=True)]
        alt.append(f"{name}: {', '.join(told)}.")
    alt += [f"Break-even of {name}: {_speed(at)}." for name, at in break_evens.items()]
    return Figure((Panel("".join(parts), _WIDTH, _BOTTOM + 3.6 * LINE),), " ".join(alt))


def _frame(axes, links):
    """Return the grid: at each link its name, in two rows that take turns; times at the side."""
    ink = {"stroke": "currentColor", "stroke_opacity": 0.12}
    base = {"stroke": "currentColor", "stroke_opacity": 0.5}
    parts = [line(axes.left, axes.bottom, axes.right, axes.bottom, **base)]
    low, high = axes.ylim
    for tick in log_ticks(low, high, 6):
        y = float(axes.y(tick))
        parts.append(line(axes.left, y, axes.right, y, **ink))
        words = tick_text(tick, "s", True)
        parts.append(text(axes.left - 6, y + 4, words, text_anchor="end", class_="soft"))
    for i, (name, speed) in enumerate(links.items()):
        x = float(axes.x(speed))
        parts.append(line(x, axes.top, x, axes.bottom + 4, **ink))
        row = axes.bottom + LINE * (1 + i % 2)
        parts.append(text(x, row, name, text_anchor="middle", class_="soft"))
    parts.append(text(axes.right, axes.bottom + 3.2 * LINE, "link", text_anchor="end"))
    parts.append(text(0, 15, "time to the loss"))
    return "".join(parts)


def _speed(at):
    return "none, on any link" if math.isinf(at) else f"{amount(at, 'B')} a second"
