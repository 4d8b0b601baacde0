"""The fault matrix as a picture: which fault, in which system, when, and what came of it."""

from collections import Counter
from typing import NamedTuple

from dlpar.figures.figure import HEAD, Figure, Panel, header
from dlpar.figures.svg import LINE, counted, hue, rect, tag, text, title

_LEFT, _CELL, _GAP, _ROW, _PAD = 84.0, 28.0, 12.0, 24.0, 2.0


class _Look(NamedTuple):
    sign: str  # so that nobody has to tell colours apart
    ink: str
    opacity: float


OUTCOMES = {
    "complete": _Look("\u2713", hue(2), 0.30),
    "partial": _Look("\u00bd", hue(0), 0.25),
    "named": _Look("!", hue(4), 0.25),
    "unnamed": _Look("?", hue(1), 0.55),
    "WRONG": _Look("\u2717", hue(3), 0.70),
}


def fault_table(tables, ruler="virtual"):
    """Draw what came of each fault: a row a fault, a group of three cells a system.

    tables : {name: cells}, each cell with `system`, `fault`, `when` ("before", "during", "after"),
        `outcome` (one of OUTCOMES) and `words`, which its tooltip shows.
        All tables have the same rows and groups; a cell that a table lacks stays empty.
    ruler : of the outcomes.

    Raises ValueError without a cell, for an unknown outcome, or for two cells in one place.
    """
    tables = {name: list(cells) for name, cells in tables.items()}
    every = [cell for cells in tables.values() for cell in cells]
    if not every:
        raise ValueError("fault_table needs at least one cell")
    for cells in tables.values():
        _check(cells)
    systems, faults = (
        list(dict.fromkeys(getattr(cell, key) for cell in every)) for key in ("system", "fault")
    )
    panels = tuple(_table(name, cells, systems, faults, ruler) for name, cells in tables.items())
    return Figure(panels, _alt(tables, ruler), largest=1.3)


def _check(cells):
    for cell in cells:
        if cell.outcome not in OUTCOMES:
            raise ValueError(f"outcome must be one of {', '.join(OUTCOMES)}: {cell.outcome!r}")
    places = Counter((cell.system, cell.fault, cell.when) for cell in cells)
    for place, count in places.items():
        if count > 1:
            raise ValueError(f"fault_table has two cells for {' '.join(place)}")


def _table(name, cells, systems, faults, ruler):
    at = {(cell.system, cell.fault, cell.when): cell for cell in cells}
    width = _LEFT + len(systems) * (3 * _CELL + _GAP)
    top = HEAD + 3 * LINE + 4
    parts = [header(width, name, ruler)]
    for i, system in enumerate(systems):
        x = _LEFT + i * (3 * _CELL + _GAP)
        words = str(system).rsplit(" ", 1)
        for k, word in enumerate(words):
            y = HEAD + (k + 3 - len(words)) * LINE
            parts.append(text(x + 1.5 * _CELL, y, word, text_anchor="middle"))
    for j, fault in enumerate(faults):
        y = top + j * _ROW
        parts.append(text(0, y + 16, fault))
        for i, system in enumerate(systems):
            for k, when in enumerate(("before", "during", "after")):
                x = _LEFT + i * (3 * _CELL + _GAP) + k * _CELL
                parts.append(_cell(x, y, at.get((system, fault, when))))
    bottom = top + len(faults) * _ROW
    return Panel("".join([*parts, *_legend(cells, bottom)]), width, bottom + 2.6 * LINE)


def _cell(x, y, cell):
    box = (x + _PAD / 2, y + _PAD / 2, _CELL - _PAD, _ROW - _PAD)
    if cell is None:
        return rect(*box, fill="currentColor", fill_opacity=0.05, class_="empty")
    look = OUTCOMES[cell.outcome]
    words = title(f"{cell.fault} {cell.when}, {cell.system}: {cell.outcome}. {cell.words}")
    ink = {"fill": look.ink, "fill_opacity": look.opacity, "stroke": look.ink, "rx": 3}
    sign = text(x + _CELL / 2, y + _ROW / 2 + 4.5, look.sign, text_anchor="middle",
                font_weight=700)  # fmt: skip
    return tag("g", rect(*box, words, **ink), sign, class_="cell")


def _legend(cells, bottom):
    """Return each outcome's sign and how often it came, in two rows."""
    counts = Counter(cell.outcome for cell in cells)
    shown = [f"{look.sign} {counts[name]} {name}" for name, look in OUTCOMES.items()]
    return [
        text(0, bottom + LINE, " · ".join(shown[:3])),
        text(0, bottom + 2 * LINE, " · ".join(shown[3:])),
    ]


def _alt(tables, ruler):
    words = [f"Table of faults, {ruler}: each struck before, during and after a call."]
    for name, cells in tables.items():
        counts = Counter(cell.outcome for cell in cells)
        told = ", ".join(f"{counts[o]} {o}" for o in OUTCOMES if counts[o])
        words.append(f"{name}: {counted(len(cells), 'cell')}: {told or 'nothing'}.")
        for outcome in ("WRONG", "unnamed"):
            bad = dict.fromkeys(
                f"{c.fault} in the {c.system}" for c in cells if c.outcome == outcome
            )
            if bad:
                words.append(f"{outcome}: {', '.join(bad)}.")
    return " ".join(words)
