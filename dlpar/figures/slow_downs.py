"""The matrix of slow-downs: how many times as long each job takes beside each other one."""

from dlpar.figures.figure import HEAD, Figure, Panel, header
from dlpar.figures.svg import CHAR, LINE, hue, rect, tag, text, title

_WIDTH, _HIGH, _GAP = 520.0, 34.0, 2.0
_DEEPEST = 0.5  # opacity of the greatest slow-down: the number on it stays legible


def slow_downs(names, times, ruler="virtual"):
    """Draw a grid: in row i, column j stands how many times as long job i takes beside job j.

    The deeper the tint, the greater the slow-down; 1 has none.

    Parameters
    ----------
    names : (k,) of the jobs.  times : (k, k) numbers of at least 1, as `slowdowns` returns them.

    Raises ValueError if there is no job or the grid is not k by k.
    """
    names, times = [str(name) for name in names], [list(row) for row in times]
    if not names or [len(row) for row in times] != [len(names)] * len(names):
        raise ValueError(f"slow_downs needs {len(names)} x {len(names)} numbers, at least one")
    left = CHAR * max(map(len, names)) + 8
    wide = (_WIDTH - left) / len(names)
    most = max(max(row) for row in times)
    parts = [header(_WIDTH, "times as long, beside", ruler)]
    for j, name in enumerate(names):
        parts.append(text(left + wide * (j + 0.5), HEAD + 14, name, text_anchor="middle"))
    top = HEAD + LINE + 6
    for i, row in enumerate(times):
        y = top + _HIGH * i
        parts.append(text(0, y + _HIGH / 2 + 4, names[i]))
        for j, value in enumerate(row):
            tint = _DEEPEST * (value - 1) / (most - 1) if most > 1 else 0.0
            said = title(f"{names[i]} beside {names[j]}: {value:.2f}")
            look = {"fill": hue(1), "fill_opacity": max(tint, 0.03), "rx": 3, "class_": "pair"}
            cell = rect(left + wide * j + _GAP, y + _GAP, wide - 2 * _GAP, _HIGH - 2 * _GAP, said,
                        **look)  # fmt: skip
            x = left + wide * (j + 0.5)
            number = text(x, y + _HIGH / 2 + 4, f"{value:.2f}", text_anchor="middle")
            parts.append(tag("g", cell, number))
    pairs = [
        f"{name} beside {other} {value:.2f}"
        for name, row in zip(names, times, strict=True)
        for other, value in zip(names, row, strict=True)
    ]
    alt = f"Slow-downs, {ruler} time, times as long as alone: {'; '.join(pairs)}."
    return Figure((Panel("".join(parts), _WIDTH, top + _HIGH * len(names) + 6),), alt)
