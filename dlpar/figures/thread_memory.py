"""Threads and memory: which bytes the lanes of a warp ask for in one request, and what moves."""

from itertools import pairwise

import numpy as np

from dlpar.figures.figure import HEAD, Figure, Panel, header
from dlpar.figures.svg import LINE, box, counted, hue, line, rect, tag, text, title

SECTOR = 32  # bytes
_WIDTH, _SEAM = 560.0, 9.0
_LANE = _WIDTH / 32
_THREADS, _MEMORY, _HIGH = HEAD + 22.0, HEAD + 138.0, 24.0


def thread_memory(*accesses):
    """Draw the lanes of a warp above, memory below, and a line from each lane to its element.

    The sectors of 32 bytes that the request moves are shaded; of those between two of them nothing
    is drawn, and a gap stands in their place.

    accesses : AccessEvents of global memory, from `dlpar.gpu.trace`; one panel each.
    Raises ValueError if there is none, or for an access to other memory.
    """
    if not accesses:
        raise ValueError("thread_memory needs an access")
    for access in accesses:
        if access.space != "global":
            raise ValueError(f"thread_memory draws global memory, {access.name} is {access.space}")
    panels = tuple(_panel(access) for access in accesses)
    return Figure(panels, " ".join(map(_alt, accesses)))


def _sectors(access):
    """Return the numbers of the sectors that the request touches, ascending."""
    return np.unique(access.addresses[access.lanes] // SECTOR).tolist()


def _panel(access):
    sectors = _sectors(access)
    lefts, wide = _places(sectors)
    note = f"{access.text}   ({access.kind} of {access.name})"
    parts = [header(_WIDTH, note, "counted"), text(0, _THREADS - 6, "threads", class_="soft")]
    parts += _memory(access, sectors, lefts, wide)
    for lane in range(32):
        x = (lane + 0.5) * _LANE
        active = bool(access.lanes[lane])
        if active:
            sector, offset = divmod(int(access.addresses[lane]), SECTOR)
            end = lefts[sector] + (offset + access.itemsize / 2) / SECTOR * wide
            words = f"thread {lane}: byte {int(access.addresses[lane]) - access.origin}"
            style = {"stroke": hue(0), "stroke_width": 1.1, "stroke_opacity": 0.85}
            parts.append(line(x, _THREADS + 14, end, _MEMORY, title(words), class_="ask", **style))
        parts.append(
            rect(x - _LANE / 2 + 1, _THREADS, _LANE - 2, 14, rx=2, stroke=hue(0),
                 fill=hue(0) if active else "none", class_="thread", stroke_opacity=0.6)
        )  # fmt: skip
    asked = access.itemsize * len(np.unique(access.addresses[access.lanes]))
    moved = SECTOR * len(sectors)
    words = f"{counted(len(sectors), 'sector')}: {moved:,} bytes move, {asked:,} are asked for"
    parts.append(text(0, _MEMORY + _HIGH + 2.2 * LINE, words))
    return Panel("".join(parts), _WIDTH, _MEMORY + _HIGH + 2.8 * LINE)


def _places(sectors):
    """Return {sector: its left end} and the width of a sector, with a seam where some are left out.

    The seams take at most a third of the width.
    """
    jumps = sum(b != a + 1 for a, b in pairwise(sectors))
    seam = min(_SEAM, _WIDTH / 3 / max(jumps, 1))
    wide = min(140.0, (_WIDTH - 2 - jumps * seam) / len(sectors))
    lefts, x = {}, 1.0
    for before, sector in zip([None, *sectors], sectors, strict=False):
        x += seam if before is not None and sector != before + 1 else 0.0
        lefts[sector] = x
        x += wide
    return lefts, wide


def _memory(access, sectors, lefts, wide):
    """Return the sectors: shaded boxes, divided into elements where there is room."""
    parts = []
    cell = wide * access.itemsize / SECTOR
    touched = {int(a) for a in access.addresses[access.lanes]}
    for sector in sectors:
        left, first = lefts[sector], sector * SECTOR - access.origin
        words = title(f"bytes {first} to {first + SECTOR - 1} of {access.name}")
        parts.append(
            rect(left, _MEMORY, wide, _HIGH, words, fill=hue(1), fill_opacity=0.28,
                 stroke=hue(1), class_="sector")
        )  # fmt: skip
        used = [a - sector * SECTOR for a in sorted(touched) if a // SECTOR == sector]
        d = "".join(
            box(left + a / SECTOR * wide + 0.5, _MEMORY + 3, max(cell - 1, 0.8), _HIGH - 6)
            for a in used
        )
        parts.append(tag("path", d=d, fill=hue(1), class_="element"))
    first, last = (s * SECTOR - access.origin for s in (sectors[0], sectors[-1] + 1))
    y, end = _MEMORY + _HIGH + LINE, lefts[sectors[-1]] + wide
    parts.append(text(0, y, f"byte {first:,} of {access.name}", class_="soft"))
    if end > 300:
        parts.append(text(end, y, f"{last - 1:,}", text_anchor="end", class_="soft"))
    return parts


def _alt(access):
    lanes, sectors = int(access.lanes.sum()), _sectors(access)
    addresses = np.unique(access.addresses[access.lanes]) - access.origin
    return (
        f"{counted(lanes, 'thread')} of a warp, {access.kind} of {access.name} in "
        f"`{access.text}`: {counted(len(addresses), 'element')} of {access.itemsize} bytes from "
        f"byte {addresses[0]} to {addresses[-1] + access.itemsize - 1}, in "
        f"{counted(len(sectors), 'sector')} of {SECTOR} bytes."
    )
