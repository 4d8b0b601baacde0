"""A simple model of the cache between the multiprocessors and DRAM."""

from collections import OrderedDict

from dlpar.gpu.patterns import SECTOR


class L2:
    """A fully associative cache of 32-byte sectors, the least recently used of which goes first.

    nbytes : its size. A load of a sector that is absent reads 32 bytes from DRAM. A store
    changes the cache alone; the sector is written to DRAM when it has to go, at the latest after
    the launch. Real caches are set-associative: close to full they miss more often than this.
    Raises ValueError if not one sector fits.
    """

    def __init__(self, nbytes):
        if nbytes < SECTOR:
            raise ValueError(f"an L2 of {nbytes} bytes holds no sector of {SECTOR} bytes")
        self.sectors = int(nbytes) // SECTOR
        self.held = OrderedDict()  # sector -> the line that changed it, or None

    def touch(self, sectors, line, kind):
        """Pass `sectors` through the cache for source `line`; kind: "load", "store", "atomic".

        What goes to or comes from DRAM is added to the `dram_sectors` of the line that caused it.
        """
        for sector in sectors:
            absent = sector not in self.held
            changed_by = None if absent else self.held[sector]
            if absent and kind != "store":
                line.dram_sectors += 1
            self.held[sector] = changed_by if kind == "load" else line
            self.held.move_to_end(sector)
            if len(self.held) > self.sectors:
                _, line_of_oldest = self.held.popitem(last=False)
                if line_of_oldest is not None:
                    line_of_oldest.dram_sectors += 1

    def flush(self):
        """Write to DRAM what has changed."""
        for line in self.held.values():
            if line is not None:
                line.dram_sectors += 1
        self.held.clear()
