"""What was counted, for one line of a kernel or for a launch, and what follows from it."""

import math
from dataclasses import dataclass, fields

from dlpar.gpu.patterns import SECTOR, WARP


@dataclass(eq=False)
class Counts:
    """Exact counts. A request is one access by one warp with at least one active lane.

    Sectors are pieces of 32 bytes; arrays begin at a multiple of 256 bytes.
    """

    statements: int = 0  # warps that ran a statement, summed over statements
    active_lanes: int = 0  # lanes that ran a statement, likewise
    global_load_requests: int = 0
    global_load_sectors: int = 0
    global_store_requests: int = 0
    global_store_sectors: int = 0
    shared_requests: int = 0  # loads and stores
    bank_conflicts: int = 0  # passes beyond the first
    local_requests: int = 0  # of local arrays, which a compiler may keep in registers
    constant_requests: int = 0
    atomic_requests: int = 0  # on global and shared memory; in none of the requests above
    atomic_sectors: int = 0  # of global memory
    atomic_replays: int = 0  # turns beyond the first, where lanes of a warp meet at one element
    branches: int = 0  # warps that came to an `if`, or to a loop's end that lanes may differ about
    passes: int = 0  # sides of those branches that each warp had to run
    barriers: int = 0  # that one block passes; where blocks differ, the most
    flops: int = 0  # float operations and functions by active lanes; cuda.fma is 2
    dram_sectors: int = 0  # to and from DRAM: all sectors, or with an L2 what misses it

    def add(self, other):
        """Add the counts of `other`, but for barriers: their maxima may be of different blocks."""
        for name in SUMMED:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def global_requests(self):
        """Requests to global memory: loads, stores; atomics on it are counted apart."""
        return self.global_load_requests + self.global_store_requests

    @property
    def global_sectors(self):
        """Sectors of loads, stores and atomics."""
        return self.global_load_sectors + self.global_store_sectors + self.atomic_sectors

    @property
    def sectors_per_request(self):
        """Sectors that a load or store touches on average: 4 is ideal for 4-byte elements.

        NaN if there was no request.
        """
        sectors = self.global_load_sectors + self.global_store_sectors
        return sectors / self.global_requests if self.global_requests else math.nan

    @property
    def lane_efficiency(self):
        """The part of the lanes that work, in the statements that their warps run: 0 to 1."""
        return self.active_lanes / (WARP * self.statements) if self.statements else math.nan

    @property
    def divergence(self):
        """Sides that a warp runs at a branch, on average: 1 where its lanes agree, 2 at worst.

        An `if` without `else` has two sides, too, one of them empty. Branches whose condition is
        the same in all threads count; conditional expressions, which compile to selections, do not.
        """
        return self.passes / self.branches if self.branches else 1.0

    @property
    def dram_bytes(self):
        """Bytes to and from DRAM: 32 a sector; without an L2 every sector of every request."""
        return SECTOR * self.dram_sectors

    @property
    def arithmetic_intensity(self):
        """Float operations a byte of DRAM traffic, FLOP/B; infinite without traffic."""
        return self.flops / self.dram_bytes if self.dram_bytes else math.inf


SUMMED = [field.name for field in fields(Counts) if field.name != "barriers"]


@dataclass(eq=False)
class Line(Counts):
    """The counts of one line. `number` counts from the top of the file or notebook cell."""

    function: str = ""
    number: int = 0
    text: str = ""
