"""How hardware serves the addresses that the 32 lanes of a warp ask for in one request.

All functions take rows, one for each warp that has an active lane; lanes that are not active repeat
what another lane of the row asks for, which adds nothing.
"""

import numpy as np

from dlpar.gpu.lockstep.machine import NOBODY

WARP = 32
SECTOR = 32  # bytes that global memory delivers as one piece
BANK = 4  # bytes that one of the 32 banks of shared memory delivers in one pass


class Lanes:
    """The lanes in an activity mask of machine `m`, seen as warps.

    count : lanes.  warps : warps with at least one of them.
    """

    __slots__ = ("count", "first", "mask", "some", "warps")

    def __init__(self, m, active):
        self.mask = self.some = self.first = None  # None: every lane of every warp
        self.count = self.warps = 0
        if active is NOBODY:
            return
        if active is None and m.threads % WARP == 0:
            self.count, self.warps = m.count, m.count // WARP
            return
        mask = np.ones(m.count, bool) if active is None else active
        mask = np.ascontiguousarray(m.by_warp(mask, False))
        eighths = mask.view(np.uint64)  # eight lanes at a time
        self.some = eighths[:, 0] | eighths[:, 1] | eighths[:, 2] | eighths[:, 3] != 0
        self.count, self.warps = int(np.count_nonzero(mask)), int(np.count_nonzero(self.some))
        if self.count < mask.size:
            self.mask = mask if self.warps == len(mask) else mask[self.some]

    def rows(self, m, x):
        """Return vector `x`, (lanes,), as (warps, 32): one row for each warp that is active."""
        rows = m.by_warp(x)
        if self.mask is None:
            return rows
        if self.warps < len(rows):
            rows = rows[self.some]
        if self.first is None:
            self.first = np.argmax(self.mask, axis=1)[:, None]
        return np.where(self.mask, rows, np.take_along_axis(rows, self.first, axis=1))


def count_distinct(rows):
    """Return how many different values the rows hold, each row for itself, summed over the rows."""
    rows = np.sort(rows, axis=1)
    return len(rows) + int(np.count_nonzero(rows[:, 1:] != rows[:, :-1]))


def count_conflicts(rows, itemsize, mask):
    """Return the passes beyond the first that shared memory needs for `rows` of elements.

    rows : (warps, 32) element numbers within the array, which begins at a multiple of 128 bytes.
    mask : the active lanes, (warps, 32), or None for all.

    A bank delivers one word of 4 bytes in a pass, to as many lanes as ask for that word; so a
    request takes as many passes as there are different words in the most popular bank. Elements
    of 8 bytes are served in two halves of 16 lanes (and 16 bytes in quarters), each half in a pass
    of its own where its lanes do not collide: those two passes are no conflict.
    """
    per_pass = min(WARP, WARP * BANK // itemsize)  # lanes
    words = rows.reshape(-1, per_pass)
    if itemsize < BANK:
        words = words * itemsize // BANK
    if per_pass < WARP and mask is not None:
        words = words[mask.reshape(-1, per_pass).any(axis=1)]
    words = np.sort(words, axis=1)
    new = words[:, 1:] != words[:, :-1]
    if not new.any():
        return 0  # every lane reads one word
    # The first of each run of equal words asks its bank for a pass.
    asks = words % per_pass + np.arange(0, words.size, per_pass)[:, None]
    passes = np.bincount(asks[:, 1:][new], minlength=words.size)
    passes += np.bincount(asks[:, 0], minlength=words.size)
    return int(passes.reshape(words.shape).max(axis=1).sum()) - len(words)


def count_turns(rows, mask):
    """Return the turns beyond the first that atomics take where lanes of a warp share an element.

    mask : the active lanes, (warps, 32), or None for all. A request takes as many turns as there
    are lanes at its most popular element.
    """
    if mask is not None:
        rows = np.where(mask, rows, -1 - np.arange(WARP))  # each idle lane an element of its own
    rows = np.sort(rows, axis=1)
    begins = np.ones(rows.shape, bool)  # of a run of equal elements: never across two rows
    begins[:, 1:] = rows[:, 1:] != rows[:, :-1]
    runs = np.flatnonzero(begins)
    lengths = np.diff(runs, append=rows.size)
    first = np.searchsorted(runs, np.arange(0, rows.size, WARP))  # run of each row
    return int(np.maximum.reduceat(lengths, first).sum()) - len(rows)
