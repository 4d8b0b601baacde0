"""The crossover map: which algorithm wins at each size and number of ranks, found and predicted."""

from itertools import groupby

import numpy as np

from dlpar.figures.figure import HEAD, Figure, Panel, header
from dlpar.figures.svg import CHAR, LINE, box, hue, num, rect, tag, text, title
from dlpar.rulers import nbytes

_WIDTH, _LEFT, _HIGH = 520.0, 40.0, 27.0
_FINE = 12  # columns of the formula within one of the grid
_TINTS = (0.26, 0.5, 0.74)  # so that neighbours differ in lightness too, not in hue alone


def crossover_map(sizes, ranks, found, predicted=None, ruler="virtual"):
    """Colour a grid of sizes across and ranks up by who was fastest; outline who should have been.

    Parameters
    ----------
    sizes : (k,) bytes, ascending, above 0, k >= 2.
    ranks : (m,) numbers of ranks, ascending.
    found : m rows, one for each of `ranks`, of k names: the fastest that was measured there.
    predicted : function (nbytes, p) -> name of the fastest by formula, or None. Its borders are
        drawn as lines, at their true sizes between the columns.
    ruler : of what was found.

    Raises ValueError if a shape is wrong, or sizes or ranks do not ascend.
    """
    sizes, ranks = np.asarray(sizes, float), list(ranks)
    if sizes.ndim != 1 or len(sizes) < 2 or not (sizes[0] > 0 and (np.diff(sizes) > 0).all()):
        raise ValueError(f"crossover_map needs two or more ascending sizes above 0, got {sizes}")
    if not ranks or (np.diff(ranks) <= 0).any():
        raise ValueError(f"crossover_map needs ascending ranks, got {ranks}")
    found = [[str(name) for name in row] for row in found]
    if [len(row) for row in found] != [len(sizes)] * len(ranks):
        raise ValueError(
            f"crossover_map needs {len(ranks)} rows of {len(sizes)} names for found, got rows of "
            f"{[len(row) for row in found]}"
        )
    grid = _Grid(sizes, ranks)
    names = list(dict.fromkeys(name for row in found for name in row))
    parts = [grid.cells(found, names), grid.axes()]
    if predicted is not None:
        parts.append(grid.borders(predicted))
    note = "cells: found" if predicted is None else "cells: found, lines: formula"
    parts += [*grid.names(found), header(_WIDTH, note, ruler)]
    alt = _alt(sizes, ranks, found, names, predicted, ruler)
    return Figure((Panel("".join(parts), _WIDTH, grid.bottom + 2.6 * LINE),), alt)


class _Grid:
    """Where each cell lies: columns evenly, rows from the fewest ranks at the bottom up."""

    def __init__(self, sizes, ranks):
        self.sizes, self.ranks = sizes, ranks
        self.top = HEAD + LINE + 4
        self.bottom = self.top + _HIGH * len(ranks)
        self.wide = (_WIDTH - _LEFT) / len(sizes)

    def y(self, row):
        return self.bottom - (row + 1) * _HIGH

    def cells(self, found, names):
        """Return one rectangle for each run of equal cells in a row, with its words."""
        parts = []
        for row, winners in enumerate(found):
            for name, first, count in _runs(winners):
                i = names.index(name)
                last = self.sizes[first + count - 1]
                words = f"{self.ranks[row]} ranks, {_span(self.sizes[first], last)}: {name}"
                parts.append(
                    rect(_LEFT + first * self.wide, self.y(row), count * self.wide, _HIGH,
                         title(words), fill=hue(i), fill_opacity=_TINTS[i % 3], class_="cell")
                )  # fmt: skip
        return "".join(parts)

    def axes(self):
        """Return a thin net between the cells, and the sizes and ranks at their middles."""
        net = "".join(
            box(_LEFT + c * self.wide, self.y(r), self.wide, _HIGH)
            for r in range(len(self.ranks))
            for c in range(len(self.sizes))
        )
        parts = [tag("path", d=net, fill="none", stroke="currentColor", stroke_opacity=0.16)]
        every = -(-len(self.sizes) // 9)
        for c in range(0, len(self.sizes), every):
            at = {"text_anchor": "middle", "class_": "soft"}
            words = _short(self.sizes[c])
            parts.append(text(_LEFT + (c + 0.5) * self.wide, self.bottom + LINE, words, **at))
        for r, p in enumerate(self.ranks):
            at = {"text_anchor": "end", "class_": "soft"}
            parts.append(text(_LEFT - 7, self.y(r) + _HIGH / 2 + 4, str(p), **at))
        parts.append(text(_WIDTH, self.bottom + 2.2 * LINE, "vector", text_anchor="end"))
        parts.append(text(0, self.top - 8, "ranks"))
        return "".join(parts)

    def borders(self, predicted):
        """Return the lines between the formula's regions, as one path."""
        shares = (np.arange(len(self.sizes) * _FINE) + 0.5) / _FINE - 0.5
        fine = np.exp(np.interp(shares, np.arange(len(self.sizes)), np.log(self.sizes)))
        rows = [[predicted(float(n), p) for n in fine] for p in self.ranks]
        step, d = self.wide / _FINE, []
        for r, row in enumerate(rows):
            for _, first, _ in _runs(row)[1:]:
                d.append(f"M{num(_LEFT + first * step)} {num(self.y(r))}v{num(_HIGH)}")
            if r + 1 < len(rows):
                differ = [a != b for a, b in zip(row, rows[r + 1], strict=True)]
                d += [
                    f"M{num(_LEFT + first * step)} {num(self.y(r))}h{num(count * step)}"
                    for unlike, first, count in _runs(differ)
                    if unlike
                ]
        ink = {"stroke": "currentColor", "stroke_width": 2.4, "stroke_linecap": "square"}
        return tag("path", d="".join(d), fill="none", class_="borders", **ink)

    def names(self, found):
        """Return each algorithm's name once in each of its regions, on the widest run in it.

        Where it would cover another name, three letters stand for it.
        """
        parts, taken = [], []
        widest = [max(runs, key=lambda run: (run[1][2], run[0])) for runs in _regions(found)]
        for row, (name, first, count) in sorted(widest, key=lambda run: (-run[1][2], run)):
            middle = _LEFT + (first + count / 2) * self.wide
            for words in (name, f"{name[:3]}."):
                half = CHAR * 0.45 * len(words)
                x = min(max(middle, _LEFT + half), _WIDTH - half)
                if all(r != row or abs(x - at) > half + other for r, at, other in taken):
                    break
            taken.append((row, x, half))
            y = self.y(row) + _HIGH / 2 + 4
            parts.append(text(x, y, words, text_anchor="middle", class_="halo label"))
        return parts


def _runs(values):
    """Return (value, first index, length) of each run of equal neighbours."""
    runs, at = [], 0
    for value, group in groupby(values):
        count = sum(1 for _ in group)
        runs.append((value, at, count))
        at += count
    return runs


def _regions(found):
    """Return lists of (row, run): runs of one name that touch, row to row, are one region."""
    regions: list[list[tuple[int, tuple[str, int, int]]]] = []
    for row, winners in enumerate(found):
        for run in _runs(winners):
            near = [region for region in regions if any(_touch((row, run), o) for o in region)]
            joined = [(row, run), *(other for region in near for other in region)]
            regions = [region for region in regions if region not in near] + [joined]
    return regions


def _touch(run, other):
    (row, (name, first, count)), (other_row, (other_name, other_first, other_count)) = run, other
    overlap = first < other_first + other_count and other_first < first + count
    return name == other_name and row - other_row == 1 and overlap


def _span(first, last):
    return nbytes(first) if first == last else f"{nbytes(first)} to {nbytes(last)}"


def _short(size):
    """Return a size in two or three characters and its unit: "1 kB" for 1,024 bytes."""
    number, unit = nbytes(size).split(" ")
    return f"{float(number.replace(',', '')):.3g} {unit}"


def _alt(sizes, ranks, found, names, predicted, ruler):
    cells = [name for row in found for name in row]
    words = [
        f"Crossover map, {ruler}: {len(ranks)} numbers of ranks from {ranks[0]} to {ranks[-1]}, "
        f"{len(sizes)} sizes from {_span(sizes[0], sizes[-1])}."
    ]
    counts = ", ".join(f"{name} in {cells.count(name)}" for name in names)
    words.append(f"Fastest of {len(cells)} cells: {counts}.")
    if predicted is not None:
        told = [predicted(float(n), p) for p in ranks for n in sizes]
        agree = sum(a == b for a, b in zip(cells, told, strict=True))
        words.append(f"The formulas name the same in {agree}.")
    return " ".join(words)
