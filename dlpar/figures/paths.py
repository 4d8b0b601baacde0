"""Routes of descent over the level lines of a loss of two weights."""

from typing import Any

import numpy as np
from contourpy import contour_generator

from dlpar.figures.axes import Axes
from dlpar.figures.figure import HEAD, Figure, Panel, badge_at
from dlpar.figures.labels import labels
from dlpar.figures.svg import LINE, hue, polyline, tag

_WIDTH, _BOTTOM = 520.0, 330.0


def paths(loss, routes, xlim, ylim, *, levels=12, xlabel="w₀", ylabel="w₁", ruler="counted"):
    """Draw the level lines of a loss of two weights, and routes of descent over them.

    Parameters
    ----------
    loss : function of two (m, m) arrays, element by element.
    routes : {label: (k, 2) array, the weights after each step}; what leaves the picture is cut.
    xlim, ylim : (low, high) of the two weights.
    levels : how many level lines; they crowd near the minimum, as squares do.

    Raises ValueError if a route has another shape or a limit is empty.
    """
    for name, (low, high) in (("xlim", xlim), ("ylim", ylim)):
        if not low < high:
            raise ValueError(f"paths needs {name} with low < high, got {(low, high)!r}")
    routes = {name: np.asarray(route, float) for name, route in routes.items()}
    for name, route in routes.items():
        if route.ndim != 2 or route.shape[1] != 2 or not len(route):
            raise ValueError(f"paths needs shape (k, 2) for {name}, got {route.shape}")
    axes = Axes((44, HEAD + 10, _WIDTH - 10, _BOTTOM), xlim, ylim)
    axes.xlim, axes.ylim = tuple(xlim), tuple(ylim)
    curves = [axes.points(*route.T) for route in routes.values()]
    inks = [hue(i) for i in range(len(curves))]
    corner = np.array([axes.left, axes.top])
    drawn = _levels(loss, axes, levels, corner)
    for curve, ink in zip(curves, inks, strict=True):
        drawn.append(
            polyline(curve - corner, stroke=ink, stroke_width=1.8, stroke_linejoin="round")
        )
        drawn += [tag("circle", cx=x, cy=y, r=2.2, fill=ink) for x, y in (curve - corner).tolist()]
    size = {"width": axes.right - axes.left, "height": axes.bottom - axes.top}
    parts = [badge_at(_WIDTH, ruler), axes.frame(xlabel, ylabel)]
    parts.append(tag("svg", *drawn, x=axes.left, y=axes.top, **size))
    bounds = (axes.left, axes.top, axes.right, axes.bottom)
    parts += labels(list(routes), curves, inks, bounds)
    panel = Panel("".join(parts), _WIDTH, _BOTTOM + 2.6 * LINE)
    return Figure((panel,), _alt(loss, routes, ruler))


def _levels(loss, axes, levels, corner):
    """Return the level lines, drawn relative to `corner`."""
    u, v = np.meshgrid(*(np.linspace(low, high, 101) for low, high in (axes.xlim, axes.ylim)))
    z = np.asarray(loss(u, v), float)
    low, high = float(np.nanmin(z)), float(np.nanmax(z))
    contours: Any = contour_generator(u, v, z)
    return [
        polyline(
            axes.points(line[:, 0], line[:, 1]) - corner, stroke="currentColor", stroke_opacity=0.28
        )
        for k in range(1, levels + 1)
        for line in contours.lines(low + (high - low) * (k / (levels + 1)) ** 2)
    ]


def _alt(loss, routes, ruler):
    words = [f"Routes of descent over the level lines of a loss, {ruler}."]
    for name, route in routes.items():
        first, last = (float(loss(*route[k])) for k in (0, -1))
        steps = len(route) - 1
        words.append(f"{name}: {steps} steps, loss from {first:.3g} to {last:.3g}.")
    return " ".join(words)
