"""How far sums of the same floats lie apart when they are added in other orders."""

import numpy as np

from dlpar.figures.axes import Axes
from dlpar.figures.figure import HEAD, Figure, Panel, header
from dlpar.figures.svg import LINE, counted, hue, line, rect, text, title

_WIDTH, _TALL = 520.0, 78.0  # of the figure, and of one of its drawings
_BARS = 41  # at most; an odd number, so that the middle one is around 0


def sum_spread(sums, exact, ruler="counted"):
    """Draw, for each array of `sums`, how many lie how far from the exact sum.

    sums : {label: (k,) float32}, each the sum of the same numbers.
    exact : float, their sum without rounding.
    Distances are in units in the last place (ulp) of the float32 nearest to `exact`. Drawings
    stand below one another on one axis, and share bars as wide as a whole number of ulps.

    Raises ValueError if there is no array, an empty one, or a sum that is not finite.
    """
    sums = {name: np.asarray(values, np.float32) for name, values in sums.items()}
    if not sums or not all(v.ndim == 1 and v.size and np.isfinite(v).all() for v in sums.values()):
        raise ValueError("sum_spread needs arrays of one or more finite sums")
    ulp = float(np.spacing(np.abs(np.float32(exact))))
    away = {name: (v.astype(float) - exact) / ulp for name, v in sums.items()}
    reach = max(float(np.abs(a).max()) for a in away.values())
    each = max(1, int(np.ceil(2 * reach / (_BARS - 1))))
    half = max(1, int(np.ceil(reach / each)))
    tall = HEAD + _TALL + LINE
    drawn = [
        _row(k, name, sums[name], away[name], each, half, k * tall, ruler)
        for k, name in enumerate(sums)
    ]
    bottom = tall * len(sums)
    drawn.append(text(_WIDTH - 1, bottom + LINE, "ulps from the exact sum", text_anchor="end"))
    alt = _alt(sums, away, ruler)
    return Figure((Panel("".join(drawn), _WIDTH, bottom + 1.6 * LINE),), alt)


def _row(k, name, sums, away, each, half, top, ruler):
    bins = np.rint(away / each).astype(int)
    counts = np.bincount(bins + half, minlength=2 * half + 1)
    axes = Axes((1, top + HEAD + 8, _WIDTH - 1, top + HEAD + _TALL - 6), [0, 1], [0, counts.max()])
    axes.xlim = (-half - 0.5, half + 0.5)
    axes.ylim = (0.0, float(counts.max()))
    said = f"{name}: {counted(len(np.unique(sums)), 'different result')}"
    parts = [header(_WIDTH, said, ruler)] if k == 0 else [text(0, top + 15, said, class_="soft")]
    step, base = (axes.right - axes.left) / (2 * half + 1), axes.bottom
    for i, count in enumerate(counts.tolist()):
        if count:
            x, y = float(axes.x(i - half)) - step / 2, float(axes.y(count))
            words = title(f"about {(i - half) * each} ulps: {count:,} of {sums.size:,} sums")
            parts.append(rect(x + 0.5, y, max(step - 1, 0.6), base - y, words, fill=hue(k),
                              class_="bar"))  # fmt: skip
    parts.append(line(axes.left, base, axes.right, base, stroke="currentColor", stroke_opacity=0.5))
    middle = float(axes.x(0))
    parts.append(line(middle, axes.top - 4, middle, base + 4, stroke="currentColor",
                      stroke_dasharray="3 2", class_="exact"))  # fmt: skip
    every = max(1, half // 4)
    for i in range(-(half // every) * every, half + 1, every):
        words = f"{i * each}".replace("-", "\u2212")
        parts.append(text(float(axes.x(i)), base + LINE, words, text_anchor="middle",
                          class_="soft"))  # fmt: skip
    return "".join(parts)


def _alt(sums, away, ruler):
    words = [f"Histograms of how far sums of the same numbers lie from the exact one, {ruler}."]
    for name, a in away.items():
        results = counted(len(np.unique(sums[name])), "different result")
        words.append(
            f"{name}: {counted(a.size, 'sum')}, {results}, {a.min():.1f} to "
            f"{a.max():.1f} ulps away."
        )
    return " ".join(words)
