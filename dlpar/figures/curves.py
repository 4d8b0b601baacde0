"""Quadratic curves as (start, bend, end): lines between vertices that go past the others."""

import math

from dlpar.figures.svg import num

_BOWS = (0.0, 0.24, -0.24, 0.4, -0.4, 0.6, -0.6)  # of the length, to the left; straight first


def past(start, end, others, clear):
    """Return a curve from `start` to `end` at least `clear` from each point of `others`.

    The straight one if it can be, and also if no bow of those tried is clear.
    """
    (x0, y0), (x1, y1) = start, end
    middle = (x0 + x1) / 2, (y0 + y1) / 2
    for bow in _BOWS:
        curve = start, (middle[0] + bow * (y1 - y0), middle[1] - bow * (x1 - x0)), end
        points = [along(curve, k / 20) for k in range(21)]
        if all(math.dist(point, other) > clear for point in points for other in others):
            return curve
    return start, middle, end


def along(curve, share):
    """Return the point at `share` of the way."""
    weights = (1 - share) ** 2, 2 * share * (1 - share), share**2
    return tuple(sum(w * p[k] for w, p in zip(weights, curve, strict=True)) for k in (0, 1))


def moved(curve, dx, dy):
    """Return `curve` moved by (dx, dy)."""
    return tuple((x + dx, y + dy) for x, y in curve)


def shifted(curve, aside):
    """Return `curve` moved by `aside` at right angles to its chord."""
    (x0, y0), _, (x1, y1) = curve
    length = math.dist((x0, y0), (x1, y1)) or 1.0
    return moved(curve, aside * (y1 - y0) / length, aside * (x0 - x1) / length)


def path_of(curve):
    """Return the curve as a path's commands."""
    start, bend, end = (f"{num(x)} {num(y)}" for x, y in curve)
    return f"M{start}Q{bend} {end}"
