"""The meter: what the lock-step machine does, counted for each line of a kernel's source."""

import numpy as np

from dlpar.gpu.counts import Counts, Line
from dlpar.gpu.patterns import SECTOR, Lanes, count_conflicts, count_distinct, count_turns

MASKS = 64  # masks whose lanes are remembered


class Meter:
    """Counts one launch.

    blocks : of the grid.  memory : where the arguments lie.  l2 : an L2, or None for no cache.
    """

    def __init__(self, blocks, memory, l2=None):
        self.blocks, self.memory, self.l2 = blocks, memory, l2
        self.lines = {}  # by the identity of the site
        self.barriers = {}  # of each line: how many each block has passed
        self.origins = {}  # of each global array: its first byte's address
        self.masks = {}

    def begin(self, m):
        """A group of blocks starts: masks of the one before mean nothing here."""
        self.masks = {}

    def line(self, site):
        """Return the counts of a site's line."""
        line = self.lines.get(id(site))
        if line is None:
            line = Line(function=site.kernel, number=site.line, text=site.text)
            self.lines[id(site)] = line
        return line

    def lanes(self, m, mask):
        """Return the Lanes of `mask`; masks are told by identity, as the machine does."""
        known = self.masks.get(id(mask))
        if known is None:
            if len(self.masks) >= MASKS:
                self.masks.clear()
            known = self.masks[id(mask)] = mask, Lanes(m, mask)  # the mask stays alive, and its id
        return known[1]

    def statement(self, m, site):
        """Active lanes run a statement."""
        line, lanes = self.line(site), self.lanes(m, m.active)
        line.statements += lanes.warps
        line.active_lanes += lanes.count

    def flops(self, m, site):
        """Active lanes do one float operation each."""
        self.line(site).flops += self.lanes(m, m.active).count

    def fma(self, m, site):
        """Active lanes multiply and add, in one instruction."""
        self.line(site).flops += 2 * self.lanes(m, m.active).count

    def branch(self, m, site, taken, left):
        """Active lanes go two ways: masks `taken` and `left`."""
        line = self.line(site)
        line.branches += self.lanes(m, m.active).warps
        line.passes += self.lanes(m, taken).warps + self.lanes(m, left).warps

    def barrier(self, m, site):
        """Active lanes come to a barrier of their block."""
        line = self.line(site)
        if line not in self.barriers:
            self.barriers[line] = np.zeros(self.blocks, np.int64)
        come = 1 if m.active is None else m.by_block(m.active).any(axis=1)
        self.barriers[line][m.blocks.start : m.blocks.stop] += come

    def access(self, m, kind, view, at, access):
        """Active lanes access elements `at` of `view`; kind: "load", "store" or "atomic"."""
        line, lanes, space = self.line(access.site), self.lanes(m, m.active), view.store.space
        if kind == "atomic":
            line.atomic_requests += lanes.warps
            line.atomic_replays += self.turns(m, lanes, at)
        if space == "global":
            sectors = self.sectors(m, lanes, view, at, access)
            if kind == "load":
                line.global_load_requests += lanes.warps
                line.global_load_sectors += sectors
            elif kind == "store":
                line.global_store_requests += lanes.warps
                line.global_store_sectors += sectors
            else:
                line.atomic_sectors += sectors
            if self.l2 is None:
                line.dram_sectors += sectors
            else:
                self.l2.touch(self.addresses(m, lanes, view, at), line, kind)
        elif kind != "atomic" and space == "shared":
            line.shared_requests += lanes.warps
            line.bank_conflicts += self.conflicts(m, lanes, view, at, access)
        elif kind != "atomic" and space == "local":
            line.local_requests += lanes.warps
        elif space == "constant":
            line.constant_requests += lanes.warps

    # One address pattern serves many accesses: `access.pattern` lives as long as the vector part
    # of the address. A part that all lanes have in common moves all addresses alike, which changes
    # nothing but where they lie within a sector, or within a bank's word.

    def sectors(self, m, lanes, view, at, access):
        """Return the sectors of a request, summed over warps."""
        if isinstance(at, int):
            return lanes.warps
        itemsize = view.dtype.itemsize
        moved = int(at[0] - access.base[0]) * itemsize % SECTOR
        found = access.pattern.get(moved)
        if found is None:
            rows = (lanes.rows(m, at) * itemsize + self.origin(view.store)) // SECTOR
            found = access.pattern[moved] = count_distinct(rows)
        return found

    def conflicts(self, m, lanes, view, at, access):
        """Return the bank conflicts of a request to shared memory, summed over warps."""
        itemsize = view.dtype.itemsize
        moved = int(at[0] - access.base[0]) * itemsize % 4 if itemsize < 4 else 0
        found = access.pattern.get(moved)
        if found is None:
            rows = lanes.rows(m, at)
            if itemsize < 4:  # words are those of the block's own memory
                rows = rows % view.store.unit
            found = access.pattern[moved] = count_conflicts(rows, itemsize, lanes.mask)
        return found

    def turns(self, m, lanes, at):
        """Return the turns beyond the first that an atomic takes, summed over warps."""
        if isinstance(at, int):
            return lanes.count - lanes.warps
        return count_turns(lanes.rows(m, at), lanes.mask)

    def addresses(self, m, lanes, view, at):
        """Yield the sectors of a request: the first warp's in ascending order, then the next's."""
        itemsize, origin = view.dtype.itemsize, self.origin(view.store)
        if isinstance(at, int):
            yield (at * itemsize + origin) // SECTOR
            return
        rows = (lanes.rows(m, at) * itemsize + origin) // SECTOR
        for row in np.sort(rows, axis=1):
            yield from dict.fromkeys(row.tolist())

    def origin(self, store):
        """Return the address of a global array's first element, in bytes."""
        known = self.origins.get(id(store))
        if known is None:
            known = self.origins[id(store)] = self.memory.address(store.data)
        return known

    def total(self):
        """Return the lines in order, and the Counts of all of them."""
        if self.l2 is not None:
            self.l2.flush()
        whole = Counts()
        for line in self.lines.values():
            if line in self.barriers:
                line.barriers = int(self.barriers[line].max())
            whole.add(line)
        if self.barriers:
            whole.barriers = int(sum(self.barriers.values()).max())
        return list(self.lines.values()), whole
