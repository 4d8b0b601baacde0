"""A bound on the time that a card needs for what was counted: the highest of its roofs."""

from dataclasses import dataclass

from dlpar.gpu.cards import Card
from dlpar.gpu.patterns import BANK, WARP
from dlpar.rulers import Table, seconds


@dataclass(frozen=True)
class Estimate:
    """The least time, s, that each part of `card` needs for a launch, were it never idle.

    The launch takes no less than the longest of them, which is said to bind. It takes more: nothing
    waits here, latencies, launch, address arithmetic and caches beyond the one asked for are free.
    """

    card: Card
    roofs: dict[str, float]  # s
    note: str

    @property
    def time(self):
        """The bound, s."""
        return max(self.roofs.values())

    @property
    def binds(self):
        """The roof that is highest."""
        return max(self.roofs, key=lambda name: self.roofs[name])

    def table(self):
        """Return the roofs as a table."""
        rows = [(f"{name}, at least", seconds(time)) for name, time in self.roofs.items()]
        rows.append((f"{self.card.name}, at least", f"{seconds(self.time)} ({self.binds} binds)"))
        return Table(("virtual",), tuple(rows), self.note)

    def __repr__(self):
        """Return the table as text."""
        return repr(self.table())

    def _repr_html_(self):
        return self.table()._repr_html_()


def estimate(counts, card, l2):
    """Return the Estimate of `counts` on `card`; l2 : bytes of the cache that was counted with."""
    passes = counts.shared_requests + counts.bank_conflicts
    roofs = {
        "DRAM": counts.dram_bytes / card.bandwidth,
        "FP32": counts.flops / card.fp32,
        "shared memory": passes * WARP * BANK / card.shared_bandwidth,
    }
    cache = "no cache" if l2 is None else f"an L2 of {l2:,} bytes"
    note = f"a lower bound, from the data sheet, for DRAM traffic behind {cache}"
    return Estimate(card, roofs, note)
