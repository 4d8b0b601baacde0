"""Convergence three ways: one loss per step, per second, per byte."""

import numpy as np

from dlpar.figures.axes import Axes, amount, mark
from dlpar.figures.figure import HEAD, Figure, Panel, badge_at
from dlpar.figures.labels import labels
from dlpar.figures.svg import LINE, hue, polyline
from dlpar.rulers import badge

_WIDTH, _BOTTOM = 212.0, 190.0
_WAYS = (  # key in a history, name of the axis, unit, ruler (None: the clock's)
    ("steps", "steps", "", "counted"),
    ("seconds", "time", "s", None),
    ("bytes", "bytes a rank", "B", "counted"),
    ("samples", "samples", "", "counted"),
)


def convergence(histories, target=None, ylabel="loss", ruler="virtual", log=False):
    """Plot one loss three ways: per step, per second, per byte (and per sample).

    Parameters
    ----------
    histories : {label: {"loss": (k,), "steps": (k,), "seconds": (k,), "bytes": (k,),
        "samples": (k,)}}; "loss" is needed, a panel is drawn for each other key that every
        history has.
    target : draw this level, and mark where each curve first reaches it.
    ruler : of the seconds; the other ways are counted.
    log : make the loss axis logarithmic.

    Raises ValueError if there is no history, no panel, or lengths differ.
    """
    if not histories:
        raise ValueError("convergence needs at least one history")
    histories = {
        name: {key: np.asarray(values, float) for key, values in history.items()}
        for name, history in histories.items()
    }
    for name, history in histories.items():
        if "loss" not in history:
            raise ValueError(f"convergence needs a loss in the history of {name}")
        for key, values in history.items():
            if values.shape != history["loss"].shape or values.ndim != 1 or not values.size:
                raise ValueError(
                    f"convergence needs {key} of {name} with the shape of its loss, (k,) with "
                    f"k >= 1: got {values.shape} and {history['loss'].shape}"
                )
    ways = [way for way in _WAYS if all(way[0] in history for history in histories.values())]
    if not ways:
        raise ValueError("convergence needs steps, seconds, bytes or samples in every history")
    badge(ruler)
    panels = tuple(
        _way(histories, key, name, unit, kind or ruler, target, ylabel, log)
        for key, name, unit, kind in ways
    )
    alt = _alt(histories, ways, target, ylabel, ruler)
    return Figure(panels, alt, largest=1.3)


def _way(histories, key, name, unit, ruler, target, ylabel, log):
    """Return the panel of one way."""
    level = [] if target is None else [target]
    xs = np.concatenate([[0.0], *(h[key] for h in histories.values())])
    ys = np.concatenate([level, *(h["loss"] for h in histories.values())])
    axes = Axes((36, HEAD + 10, _WIDTH - 12, _BOTTOM), xs, ys, logy=log)
    parts = [badge_at(_WIDTH - 2, ruler), axes.frame(name, ylabel, xunit=unit)]
    names, curves, inks = list(histories), [], [hue(i) for i in range(len(histories))]
    for history, ink in zip(histories.values(), inks, strict=True):
        curves.append(axes.points(history[key], history["loss"]))
        if len(curves[-1]):
            parts.append(
                polyline(curves[-1], stroke=ink, stroke_width=1.6, stroke_linejoin="round")
            )
        hit = _reached(history, target)
        if hit is not None:
            at = float(axes.x(history[key][hit])), float(axes.y(history["loss"][hit]))
            parts.append(mark(*at, ruler, ink))
    if target is not None:
        y = float(axes.y(target))
        ends = [(axes.left, y), (axes.right, y)]
        parts.append(polyline(ends, stroke="currentColor", stroke_dasharray="4 3", opacity=0.7))
        names, curves, inks = (
            [*names, f"target {target:g}"],
            [*curves, ends],
            [*inks, "currentColor"],
        )
    bounds = (axes.left, axes.top, axes.right, axes.bottom)
    return Panel(
        "".join([*parts, *labels(names, curves, inks, bounds)]), _WIDTH, _BOTTOM + 2.6 * LINE
    )


def _reached(history, target):
    """Return the first index at which the loss is at most `target`, or None."""
    if target is None:
        return None
    below = np.flatnonzero(history["loss"] <= target)
    return int(below[0]) if below.size else None


def _alt(histories, ways, target, ylabel, ruler):
    panels = ", ".join(f"{name} ({kind or ruler})" for _, name, _, kind in ways)
    words = [f"Convergence: {ylabel} over {panels}."]
    for name, history in histories.items():
        loss = history["loss"]
        words.append(f"{name}: from {loss[0]:.3g} to {loss[-1]:.3g}")
        hit = _reached(history, target)
        if hit is not None:
            at = ", ".join(
                f"{amount(history[key][hit], unit)}{'' if unit else ' ' + key}"
                for key, _, unit, _ in ways
            )
            words[-1] += f", reaches {target:g} after {at}"
        elif target is not None:
            words[-1] += f", never reaches {target:g}"
        words[-1] += "."
    return " ".join(words)
