"""Three rulers for every number: counted, virtual, wall. Anything else is quoted."""

import html
import math
import os
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from threadpoolctl import threadpool_info

# Each ruler has a colour, a mark and a word, so that no reader depends on one of them. A mark is
# drawn twice: as a character in text, as a shape in a box of 10 x 10 in HTML and SVG.
_CIRCLE = "M1 5a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z"
MARKS = {
    "counted": ("■", "M1.4 1.4h7.2v7.2h-7.2z", "#2a8f6f"),
    "virtual": ("◆", "M5 0L10 5L5 10L0 5z", "#8a6fd1"),
    "wall": ("●", _CIRCLE, "#c9772b"),
    "quoted": ("▲", "M5 .6L9.8 9.2H.2z", "#7d8590"),
}
_PREFIXES = {-4: "p", -3: "n", -2: "µ", -1: "m", 0: "", 1: "k", 2: "M", 3: "G", 4: "T", 5: "P"}
_SHORT = 8  # a longer array is told by its extremes and its sum


@dataclass(frozen=True)
class Wall:
    """What `wall` measured on this machine, with what the number depends on."""

    median: float  # s
    q1: float  # s; a quarter of the runs took less
    q3: float  # s; a quarter of the runs took more
    repeats: int
    cores: int  # that this process may use
    blas_threads: int | None  # None where no BLAS library tells

    @property
    def time(self):
        """The median and the quartiles as text: "1.24 ms (IQR 1.20 to 1.31)"."""
        scale, prefix = _prefix(self.median)
        middle, low, high = (_three_digits(t / scale) for t in (self.median, self.q1, self.q3))
        return f"{middle} {prefix}s (IQR {low} to {high})"

    @property
    def conditions(self):
        """What the time depends on, as text: "15 runs, 2 cores, BLAS threads 1"."""
        cores = "1 core" if self.cores == 1 else f"{self.cores} cores"
        runs = "1 run" if self.repeats == 1 else f"{self.repeats} runs"
        blas = "unknown" if self.blas_threads is None else self.blas_threads
        return f"{runs}, {cores}, BLAS threads {blas}"

    def __truediv__(self, parts):
        """Return what one of `parts` equal parts took: a message is half of a round trip."""
        shares = (self.median / parts, self.q1 / parts, self.q3 / parts)
        return Wall(*shares, self.repeats, self.cores, self.blas_threads)

    def __repr__(self):
        """Return the time and its conditions."""
        return f"{self.time}, {self.conditions}"


def wall(fn, repeats=15, warmup=2):
    """Call `fn()` `warmup` times, then time `repeats` calls one by one; return a `Wall`.

    The median withstands the few calls that the operating system disturbed; the quartiles say how
    noisy this machine was. Time is wall-clock (`time.perf_counter`) and includes the call itself,
    some 50 ns.

    Raises TypeError if `fn` cannot be called or a count is no integer, ValueError if `repeats` < 1
    or `warmup` < 0.
    """
    if not callable(fn):
        raise TypeError(f"wall needs a function for fn, got {type(fn).__name__}")
    for name, count, least in (("repeats", repeats, 1), ("warmup", warmup, 0)):
        if isinstance(count, bool) or not isinstance(count, (int, np.integer)):
            raise TypeError(f"wall needs an integer for {name}, got {type(count).__name__}")
        if count < least:
            raise ValueError(f"wall needs {name} of at least {least}, got {count}")
    for _ in range(warmup):
        fn()
    times = []
    for _ in range(repeats):
        start = perf_counter()
        fn()
        times.append(perf_counter() - start)
    return wall_of(times)


def wall_of(times):
    """Return the `Wall` of `times`, s, that were measured elsewhere, as the spans of a trace are.

    Raises ValueError if there are none.
    """
    times = np.asarray(times, float)
    if times.ndim != 1 or not times.size:
        raise ValueError(f"wall_of needs one or more times, got shape {times.shape}")
    q1, median, q3 = (float(q) for q in np.percentile(times, [25, 50, 75]))
    return Wall(median, q1, q3, times.size, usable_cores(), _blas_threads())


def usable_cores():
    """Return how many cores this process may run on, which can be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _blas_threads():
    threads = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    return max(threads, default=None)


def seconds(x):
    """Return `x` seconds as text with three digits and an SI prefix, as "1.24 ms"."""
    return si(x, "s") if abs(x) < 999.5 else f"{float(x):,.0f} s"


def nbytes(x):
    """Return `x` bytes as text, as "28.7 kB" (1 kB = 1000 B); exact below 1 kB."""
    return f"{x:,.0f} B" if abs(x) < 1000 and x == int(x) else si(x, "B")


def si(x, unit):
    """Return the number `x` as text with three digits and an SI prefix before `unit`."""
    x = float(x)
    if not math.isfinite(x):
        return f"{x} {unit}"
    scale, prefix = _prefix(x)
    return f"{_three_digits(x / scale)} {prefix}{unit}"


def _prefix(x):
    """Return (1e-3, "m") for a value in the thousandths, and so on; 1, "" for 0."""
    if x == 0:
        return 1.0, ""
    rounded = abs(float(f"{x:.2e}"))  # 999.96 us is 1.00 ms
    power = min(max(math.floor(math.log10(rounded) / 3 + 1e-12), -4), 5)
    return 1000.0**power, _PREFIXES[power]


def _three_digits(x):
    if x == 0:
        return "0"
    before = max(1, 1 + math.floor(math.log10(abs(float(f"{x:.2e}"))) + 1e-12))
    return f"{x:,.{max(0, 3 - before)}f}"


def _count(x):
    """Exact with thousands separators; a number that is no integer keeps four digits."""
    return f"{int(x):,}" if x == int(x) else f"{x:,.4g}"


def _cell(value, form):
    """Return the text of one value: a string as it is, a number by `form`, an array by rank."""
    if isinstance(value, (str, Wall)):
        return value.time if isinstance(value, Wall) else value
    array = np.asarray(value)
    if array.ndim > 1 or array.dtype.kind not in "iuf":
        raise TypeError(f"rulers shows numbers, short arrays, Wall and text, got {value!r}")
    if array.ndim == 0:
        return form(array.item())
    numbers = array.tolist()
    if not numbers:
        return "none"
    if len(numbers) > 1 and len(set(numbers)) == 1:
        return f"{form(numbers[0])} on each of {len(numbers):,} ranks"
    if len(numbers) <= _SHORT:
        return " · ".join(map(form, numbers))
    low, high, total = map(form, (min(numbers), max(numbers), sum(numbers)))
    return f"{low} to {high} on {len(numbers):,} ranks, {total} in all"


@dataclass(frozen=True)
class Badge:
    """The mark of one ruler, for tables and figures."""

    kind: str

    def __post_init__(self):
        """Refuse a word that is no ruler."""
        if self.kind not in MARKS:
            raise ValueError(f"badge needs a kind out of {', '.join(MARKS)}, got {self.kind!r}")

    def __repr__(self):
        """Return the mark and the word."""
        return f"{MARKS[self.kind][0]} {self.kind}"

    def _repr_html_(self):
        _, shape, colour = MARKS[self.kind]
        return (
            f'<span class="dlpar-badge" style="display:inline-block;white-space:nowrap;padding:0 '
            f".55em;border:1px solid {colour};border-radius:1em;font-weight:400;"
            'font-size:.85em;line-height:1.5;color:inherit">'
            f'<svg width=".7em" height=".7em" viewBox="0 0 10 10" '
            f'aria-hidden="true" style="display:inline;vertical-align:-.02em;margin-right:.35em">'
            f'<path d="{shape}" fill="{colour}"/></svg>{self.kind}</span>'
        )


def badge(kind):
    """Return the badge of the ruler `kind`: "counted", "virtual", "wall" or "quoted".

    It shows itself in a notebook and prints as text. Raises ValueError for another word.
    """
    return Badge(kind)


@dataclass(frozen=True)
class Table:
    """Quantities down, rulers across: the same quantity on two rulers stands side by side."""

    kinds: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]  # name, then the text under each ruler, "" if not measured
    note: str  # what the measured times depend on

    def __repr__(self):
        """Return the table as text."""
        lines = [("", *(repr(badge(kind)) for kind in self.kinds)), *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        drawn = [
            "  ".join(text.ljust(w) for text, w in zip(line, widths, strict=True)).rstrip()
            for line in lines
        ]
        return "\n".join([*drawn, self.note] if self.note else drawn)

    def _repr_html_(self):
        heads = "".join(
            f'<th scope="col" style="text-align:left;padding:.2em 0 .2em 1em">'
            f"{badge(kind)._repr_html_()}</th>"
            for kind in self.kinds
        )
        body = "".join(
            '<tr style="border-top:1px solid rgba(128,128,128,.35);background:none">'
            '<th scope="row" style="text-align:left;vertical-align:top;font-weight:inherit;'
            f'padding:.3em 0">'
            f"{html.escape(name)}</th>"
            + "".join(
                f'<td style="text-align:left;vertical-align:top;padding:.3em 0 .3em 1em;'
                f'font-variant-numeric:tabular-nums">{html.escape(text)}</td>'
                for text in cells
            )
            + "</tr>"
            for name, *cells in self.rows
        )
        note = (
            self.note and f'<div style="font-size:.85em;opacity:.8">{html.escape(self.note)}</div>'
        )
        return (
            '<div class="dlpar-rulers" style="overflow-x:auto"><table style="border-collapse:'
            'collapse;border:none;margin:.5em 0;color:inherit;font-size:.95em">'
            f'<thead><tr style="background:none"><td style="border:none"></td>{heads}</tr></thead>'
            f"<tbody>{body}</tbody></table>{note}</div>"
        )


def rulers(counted=None, virtual=None, wall=None, quoted=None):
    """Return one table with a column for each ruler that was given, a row for each quantity.

    Each argument maps a quantity's name to its value: a number, a short 1-D array (one entry a
    rank), a `Wall`, or text. Counts are shown exactly with thousands separators; virtual and wall
    numbers are seconds and get an SI prefix; write what is not seconds as text.

    Raises ValueError if there is nothing to show, TypeError for a value of another kind.
    """
    given = {"counted": counted, "virtual": virtual, "wall": wall, "quoted": quoted}
    columns = {kind: values for kind, values in given.items() if values}
    if not columns:
        raise ValueError("rulers needs at least one of counted, virtual, wall, quoted")
    forms = {"counted": _count, "virtual": seconds, "wall": seconds, "quoted": _count}
    names = dict.fromkeys(name for values in columns.values() for name in values)
    rows = tuple(
        (
            str(name),
            *(
                _cell(values[name], forms[kind]) if name in values else ""
                for kind, values in columns.items()
            ),
        )
        for name in names
    )
    walls = [v for values in columns.values() for v in values.values() if isinstance(v, Wall)]
    note = "; ".join(dict.fromkeys(v.conditions for v in walls))
    return Table(tuple(columns), rows, note and f"wall: {note}")
