"""Record what chosen warps do, statement by statement: addresses and lanes behind the counts."""

import math
from dataclasses import dataclass

import numpy as np

from dlpar.gpu.lockstep.kernel import Launch
from dlpar.gpu.patterns import WARP
from dlpar.gpu.placement import Memory


@dataclass(frozen=True)
class Event:
    """A statement that a warp ran, or an access that it made."""

    warp: int  # over the grid
    line: int
    text: str
    lanes: np.ndarray  # (32,) bool: who took part


@dataclass(frozen=True)
class AccessEvent(Event):
    """An access to an array. Addresses are in bytes: of the card, or within a block's array."""

    kind: str  # "load", "store" or "atomic"
    space: str  # "global", "shared", "local" or "constant"
    name: str  # of the array
    itemsize: int
    origin: int  # address of the array's first element
    addresses: np.ndarray  # (32,) int64; of lanes that took no part, anything


@dataclass(frozen=True)
class WarpTrace:
    """What the chosen warps did, in order."""

    kernel: str
    events: tuple[Event, ...]

    @property
    def statements(self):
        """The statements, in the order in which they ran."""
        return [event for event in self.events if not isinstance(event, AccessEvent)]

    @property
    def accesses(self):
        """The accesses, in order."""
        return [event for event in self.events if isinstance(event, AccessEvent)]


def trace(launch, *args, warps=(0,)):
    """Run `launch` on `args`, as calling it would, and return the WarpTrace of `warps`.

    warps : numbers of warps, counted over the grid: each block has ceil(threads / 32).
    Raises what the launch raises, and ValueError for a warp that the grid does not have.
    """
    most = math.prod(launch.grid) * -(-math.prod(launch.block) // WARP)
    for warp in warps:
        if not 0 <= warp < most:
            raise ValueError(f"the grid has warps 0 to {most - 1}, got {warp}")
    recorder = _Recorder(warps, Memory(args))
    Launch(launch.kernel, launch.grid, launch.block, launch.shared_nbytes, recorder)(*args)
    return WarpTrace(launch.kernel.__name__, tuple(recorder.events))


class _Recorder:
    """A meter that counts nothing and remembers."""

    def __init__(self, warps, memory):
        self.warps, self.memory = warps, memory
        self.events = []

    def begin(self, m):
        first = m.blocks.start * m.block_warps
        rows = len(m.blocks) * m.block_warps
        self.rows = [(w, w - first) for w in self.warps if 0 <= w - first < rows]

    def _here(self, m):
        """Yield (warp, row, lanes) of the chosen warps that have an active lane."""
        if self.rows:
            active = m.by_warp(m.running(), False)
            for warp, row in self.rows:
                if active[row].any():
                    yield warp, row, active[row].copy()

    def statement(self, m, site):
        for warp, _, lanes in self._here(m):
            self.events.append(Event(warp, site.line, site.text, lanes))

    def access(self, m, kind, view, at, access):
        store, site, itemsize = view.store, access.site, view.dtype.itemsize
        origin = self.memory.address(store.data) if store.space == "global" else 0
        for warp, row, lanes in self._here(m):
            elements = m.by_warp(np.asarray(at, np.int64)[()])[row]
            if store.unit:
                elements = elements % store.unit
            addresses = origin + elements * itemsize
            what = (kind, store.space, store.name, itemsize, origin, addresses)
            self.events.append(AccessEvent(warp, site.line, site.text, lanes, *what))

    def barrier(self, m, site):
        pass

    def branch(self, m, site, taken, left):
        pass

    def flops(self, m, site):
        pass

    def fma(self, m, site):
        pass
