"""The report of a profiled launch: totals, and a table of counts beside the kernel's source."""

import ast
import html
import math
from dataclasses import dataclass

from dlpar.gpu.counts import Counts
from dlpar.gpu.estimate import estimate
from dlpar.gpu.patterns import WARP
from dlpar.rulers import Wall, badge, nbytes, rulers

# What the table beside the source shows: heading, the text of a line's counts ("" for nothing).
COLUMNS = (
    ("warps", lambda line: _count(line.statements)),
    ("lanes", lambda line: f"{line.lane_efficiency:.0%}" if line.statements else ""),
    ("loads", lambda line: _count(line.global_load_requests)),
    ("sectors", lambda line: _count(line.global_load_sectors)),
    ("stores", lambda line: _count(line.global_store_requests)),
    ("sectors ", lambda line: _count(line.global_store_sectors)),
    ("shared", lambda line: _count(line.shared_requests)),
    ("conflicts", lambda line: _count(line.bank_conflicts)),
    ("atomics", lambda line: _count(line.atomic_requests)),
    ("replays", lambda line: _count(line.atomic_replays)),
    ("local", lambda line: _count(line.local_requests)),
    ("divergence", lambda line: f"{line.divergence:.2f}" if line.branches else ""),
    ("barriers", lambda line: _count(line.barriers)),
    ("flops", lambda line: _count(line.flops)),
)


@dataclass(eq=False)
class Report(Counts):
    """What a launch did, counted exactly. Shows itself as a table; `lines()` goes line by line."""

    kernel: str = ""
    threads: int = 0
    warps: int = 0
    l2: int | None = None  # bytes of the cache that stood before DRAM
    measured: Wall | None = None  # time on the card, where there is one
    listing: tuple = ()  # (function, number, text, Line or None) for each line of source

    @classmethod
    def of(cls, launch, lines, total, l2):
        """Return the Report of `launch` from the meter's lines and their total."""
        blocks, threads = math.prod(launch.grid), math.prod(launch.block)
        return cls(
            **vars(total),
            kernel=launch.kernel.__name__,
            threads=blocks * threads,
            warps=blocks * -(-threads // WARP),
            l2=l2,
            listing=tuple(_listing(launch.kernel.lockstep_source, lines)),
        )

    def lines(self):
        """Return the Lines of the kernel and of the device functions that it called."""
        return Lines(self.listing)

    def line(self, text):
        """Return the counts of the one counted line whose source contains `text`.

        Raises ValueError if there is none, or more than one.
        """
        found = [line for line in self.lines().counted if text in line.text]
        if len(found) != 1:
            raise ValueError(f"{len(found)} counted lines of {self.kernel} contain {text!r}")
        return found[0]

    def estimate(self, card):
        """Return the Estimate of the time on `card`, one of `dlpar.gpu.cards`: a lower bound.

        For a card with its cache: `profile(..., l2=card.l2).estimate(card)`.
        """
        return estimate(self, card, self.l2)

    def rulers(self):
        """Return the totals as a table."""
        shown = {
            "threads": self.threads,
            "warps": self.warps,
            "lanes at work": f"{self.lane_efficiency:.1%}" if self.statements else "",
            "divergence": f"{self.divergence:.2f} sides a branch" if self.branches else "",
            "barriers a block": self.barriers,
            "global loads": _of(self.global_load_requests, self.global_load_sectors),
            "global stores": _of(self.global_store_requests, self.global_store_sectors),
            "shared accesses": _shared(self),
            "local accesses": self.local_requests,
            "atomics": _atomics(self),
            "float operations": self.flops,
            "DRAM traffic": nbytes(self.dram_bytes),
            "arithmetic intensity": f"{self.arithmetic_intensity:.3g} FLOP/B",
        }
        wall = {} if self.measured is None else {"time on this card": self.measured}
        return rulers(counted={k: value for k, value in shown.items() if value}, wall=wall)

    def __repr__(self):
        """Return the totals and the lines as text."""
        return f"{self.kernel}\n{self.rulers()}\n\n{self.lines()}"

    def _repr_html_(self):
        return self.rulers()._repr_html_() + self.lines()._repr_html_()


class Lines:
    """A kernel's source with the counts of each line beside it. Iterates over counted lines."""

    def __init__(self, listing):
        self.listing = listing
        self.counted = [line for *_, line in listing if line is not None]
        self.columns = [(head, of) for head, of in COLUMNS if any(map(of, self.counted))]

    def __iter__(self):
        """Iterate over the lines that ran, in order."""
        return iter(self.counted)

    def __len__(self):
        """Return how many lines ran."""
        return len(self.counted)

    def _rows(self):
        for _, number, text, line in self.listing:
            cells = ["" if line is None else of(line) for _, of in self.columns]
            yield str(number), text, cells

    def __repr__(self):
        """Return the table as text."""
        heads = [head.strip() for head, _ in self.columns]
        rows = [("", "", heads), *self._rows()]
        widths = [max(len(row[2][i]) for row in rows) for i in range(len(heads))]
        left = max(len(number) for number, *_ in rows)
        code = max(len(text) for _, text, _ in rows)
        drawn = [
            f"{number:>{left}}  {text:<{code}}  "
            + "  ".join(cell.rjust(w) for cell, w in zip(cells, widths, strict=True))
            for number, text, cells in rows
        ]
        return "\n".join(line.rstrip() for line in drawn)

    def _repr_html_(self):
        head = "".join(_cell("th", head.strip(), ' scope="col"') for head, _ in self.columns)
        body = "".join(
            f'<tr style="background:none;border:none"><td style="{_LEFT};opacity:.7">{number}</td>'
            f'<td style="{_LEFT}"><code style="white-space:pre;background:none;border:none;'
            f'color:inherit">{html.escape(text)}</code></td>'
            + "".join(_cell("td", cell) for cell in cells)
            + "</tr>"
            for number, text, cells in self._rows()
        )
        return (
            '<div class="dlpar-lines" style="overflow-x:auto" tabindex="0" role="region" '
            'aria-label="Counts beside the source">'
            '<table style="border-collapse:collapse;border:none;margin:.5em 0;color:inherit;'
            'font-size:.85em"><thead><tr style="background:none"><td style="border:none"></td>'
            f'<td style="{_LEFT}">{badge("counted")._repr_html_()}</td>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>"
        )


_LEFT = "text-align:left;padding:.05em 1em .05em 0;border:none;line-height:1.3"


def _cell(tag, text, more=""):
    style = (
        "text-align:right;padding:.05em 0 .05em 1em;border:none;white-space:nowrap;"
        "font-variant-numeric:tabular-nums;font-weight:inherit"
    )
    return f'<{tag}{more} style="{style}">{html.escape(text)}</{tag}>'


def _listing(source, lines):
    """Yield (function, number, text, Line or None): the kernel's code, then what it called."""
    own = {line.number: line for line in lines if line.function == source.name}
    first = source.tree.body[0]
    documented = ast.get_docstring(source.tree) is not None
    docstring = range(first.lineno, first.end_lineno + 1) if documented else ()
    for i, text in enumerate(source.lines, 1):
        if i not in docstring:
            number = source.first + i - 1
            yield source.name, number, text, own.get(number)
    others = [line for line in lines if line.function != source.name]
    for line in sorted(others, key=lambda line: (line.function, line.number)):
        yield line.function, line.number, f"{line.function}: {line.text}", line


def _count(n):
    return f"{n:,}" if n else ""


def _of(requests, sectors):
    return f"{requests:,} requests, {sectors:,} sectors" if requests else ""


def _shared(counts):
    n, conflicts = counts.shared_requests, counts.bank_conflicts
    return f"{n:,} requests, {conflicts:,} bank conflicts" if n else ""


def _atomics(counts):
    n, replays = counts.atomic_requests, counts.atomic_replays
    return f"{n:,} requests, {replays:,} replays" if n else ""
