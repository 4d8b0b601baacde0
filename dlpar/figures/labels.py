"""Direct labels: the name of a curve stands at the curve, where it hides the least."""

import numpy as np

from dlpar.figures.svg import CHAR, LINE, text

_SHARES = (1.0, 0.85, 0.7, 0.5, 0.3, 0.15)  # of the way along the curve, the best place first


def labels(names, curves, inks, bounds):
    """Return one text for each curve, beside it, where the fewest points of curves are covered.

    names : words.   curves : (k, 2) arrays of drawn points; a curve without points gets no name.
    inks : CSS colours.   bounds : (left, top, right, bottom) in which the words must stay.
    """
    sampled = [_sample(curve) for curve in curves]
    taken, parts = [], []
    for name, own, ink in zip(names, sampled, inks, strict=True):
        if not len(own):
            continue
        others = np.concatenate([points for points in sampled if points is not own] or [own[:0]])
        places = _places(own, CHAR * 0.92 * len(str(name)), bounds)
        x, y, wide = min(
            places, key=lambda place: _cost(place, places.index(place), own, others, taken)
        )
        taken.append((x, y, wide))
        style = f"fill:{ink}"
        parts.append(text(x, y, name, text_anchor="middle", style=style, class_="halo label"))
    return parts


def _sample(curve, count=200):
    """Return `count` points at equal distances along a polyline."""
    curve = np.asarray(curve, float).reshape(-1, 2)
    if len(curve) < 2:
        return curve
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(curve, axis=0).T))])
    at = np.linspace(0, along[-1], count)
    return np.stack([np.interp(at, along, curve[:, 0]), np.interp(at, along, curve[:, 1])], 1)


def _places(points, wide, bounds):
    """Return candidates (x of the middle, y of the baseline, width), the best first."""
    left, top, right, bottom = bounds
    places = []
    for share in _SHARES:
        x, y = points[round(share * (len(points) - 1))]
        for dx, dy in ((0, -7), (0, 16), (wide / 2 + 7, 4), (-wide / 2 - 7, 4)):
            middle = float(np.clip(x + dx, left + wide / 2, max(right - wide / 2, left + wide / 2)))
            places.append((middle, float(np.clip(y + dy, top + 11, bottom - 3)), wide))
    return places


def _cost(place, order, own, others, taken):
    x, y, wide = place

    def covered(points):
        near = (np.abs(points[:, 0] - x) < wide / 2 + 2) & (np.abs(points[:, 1] - (y - 4)) < 8)
        return int(near.sum())

    clashes = sum(
        abs(x - ox) < (wide + w) / 2 + 3 and abs(y - oy) < LINE - 2 for ox, oy, w in taken
    )
    return 500 * clashes + 3 * covered(others) + covered(own) + order
