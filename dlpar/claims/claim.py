"""A claim: what a paper reports, what we measure in its place, and how near the two should be."""

import html
import math
from collections.abc import Callable
from dataclasses import dataclass

from dlpar.rulers import badge

EVIDENCE = {
    "seen": "read in the source",
    "calc": "follows from the source's formula",
    "mem": "as reported by others, not checked in the source",
}


@dataclass(frozen=True)
class Claim:
    """A number of a paper, and the function that measures ours."""

    system: str
    quantity: str  # with its unit
    paper: float
    source: str  # whose, where, which section
    evidence: str  # "seen", "calc" or "mem"
    ruler: str  # of ours: "counted" or "virtual", so that it is the same in every run
    measure: Callable[[], float]
    within: float | None = None  # relative; None: another machine and task, only the shape is held
    note: str = ""  # what is another, and what is held instead

    def __post_init__(self):
        """Refuse a number from memory as a gate, and words that are none of ours."""
        if self.evidence not in EVIDENCE:
            raise ValueError(f"evidence must be one of {', '.join(EVIDENCE)}: {self.evidence!r}")
        if self.ruler not in ("counted", "virtual"):
            raise ValueError(f"ruler must be counted or virtual, got {self.ruler!r}")
        if self.within is not None and (self.evidence == "mem" or not self.within >= 0):
            raise ValueError(f"no gate of {self.within!r} for a number that is {self.evidence!r}")


@dataclass(frozen=True)
class Compared:
    """A claim and our number."""

    claim: Claim
    ours: float

    @property
    def ratio(self):
        """Ours over the paper's."""
        return self.ours / self.claim.paper

    @property
    def met(self):
        """Whether ours is as near as the claim asks for; None where only a shape is held."""
        within = self.claim.within
        return None if within is None else math.isclose(self.ours, self.claim.paper, rel_tol=within)


def compare(claims):
    """Measure each of `claims`; return a `Comparison`, which shows itself as a table."""
    return Comparison(tuple(Compared(claim, float(claim.measure())) for claim in claims))


@dataclass(frozen=True)
class Comparison:
    """The papers' numbers beside ours."""

    rows: tuple[Compared, ...]

    def __repr__(self):
        """Return the table as text."""
        lines = [
            f"{one.claim.system}: {one.claim.quantity}: paper {_digits(one.claim.paper)}, "
            f"ours {_digits(one.ours)} {badge(one.claim.ruler)!r}, ratio {one.ratio:.3g}, "
            f"{_asked(one)}"
            for one in self.rows
        ]
        return "\n".join(lines)

    def _repr_html_(self):
        heads = ("system", "quantity", "paper", "ours", "ratio", "held to", "source")
        head = "".join(f'<th scope="col" style="{_CELL}">{name}</th>' for name in heads)
        body = "".join(_row(one) for one in self.rows)
        return (
            '<div style="overflow-x:auto"><table style="border-collapse:collapse;border:none;'
            f'color:inherit;font-size:.9em"><thead><tr style="background:none">{head}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>"
        )


_CELL = "text-align:left;vertical-align:top;padding:.3em .8em .3em 0"


def _row(one):
    claim = one.claim
    note = f'<br><span style="opacity:.8">{html.escape(claim.note)}</span>' if claim.note else ""
    quantity = f'<div style="min-width:14em">{html.escape(claim.quantity)}{note}</div>'
    cells = (
        quantity,
        _digits(claim.paper),
        f"{_digits(one.ours)} {badge(claim.ruler)._repr_html_()}",
        f"{one.ratio:.3g}",
        html.escape(_asked(one)),
        f"{html.escape(claim.source)}; {EVIDENCE[claim.evidence]}",
    )
    body = "".join(f'<td style="{_CELL}">{cell}</td>' for cell in cells)
    return (
        '<tr style="border-top:1px solid rgba(128,128,128,.35);background:none">'
        f'<th scope="row" style="{_CELL};font-weight:inherit">{html.escape(claim.system)}</th>'
        f"{body}</tr>"
    )


def _asked(one):
    """Return what is asked of the ratio, and whether it holds."""
    if one.met is None:
        return "the shape"
    asked = f"within {100 * one.claim.within:g} %" if one.claim.within else "equal"
    return f"{asked}: {'yes' if one.met else 'no'}"


def _digits(x):
    return f"{x:,.0f}" if x == int(x) and abs(x) < 1e9 else f"{x:,.4g}"
