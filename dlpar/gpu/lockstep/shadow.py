"""Who touched which element last: finds races between barriers, in a block and across blocks.

Beside each element stand the last writer, and for plain reads and for atomics one accessor and how
far apart all accessors are: one thread (0), one warp (1), one block (2), several blocks (3). That
is enough: among accessors that far apart, at least one is in conflict with any later writer that is
not ordered after them. Two accesses are ordered by a barrier of their block, by a syncwarp of their
warp, by a sync of the grid, or by a fence and an atomic (the "last block" pattern).
"""

import numpy as np

from dlpar.gpu.lockstep.errors import Race, plain

PENDING = 64  # reads kept before they are entered: most are forgotten at the next barrier


class Accessors:
    """For each element: one thread that accessed it, when, and how far apart all of them are."""

    def __init__(self, size):
        self.who = np.zeros(size, np.int32)  # 0: nobody
        self.when = np.zeros(size, np.int32)
        self.spread = np.zeros(size, np.int8)

    def enter(self, m, at, ids, time, since):
        """Enter the accesses of threads `ids` at elements `at`; `since` as it was at `time`."""
        who = self.who.take(at)
        if who.any():
            apart = np.maximum(self.spread.take(at), level(m, who, ids))
            old = (who == 0) | ordered(m, apart, self.when.take(at), who, ids, since)
            if not old.all():
                keep = ~old
                np.maximum.at(self.spread, at[keep], apart[keep])
                self.when[at[keep]] = time
                at, ids = at[old], ids[old]
        self.who[at] = ids
        self.when[at] = time
        self.spread[at] = 0
        others = self.who.take(at) != ids  # several lanes at one element in one instruction
        if others.any():
            at, ids = at[others], ids[others]
            np.maximum.at(self.spread, at, level(m, self.who.take(at), ids))

    def conflict(self, m, at, ids, since):
        """Return the index into `at` of an access in conflict with an earlier one, or None."""
        who = self.who.take(at)
        suspects = (who != 0) & ((who != ids) | (self.spread.take(at) > 0))
        if not suspects.any():
            return None
        (where,) = suspects.nonzero()
        at, ids, who = at[where], ids[where], who[where]
        since = tuple(part[where] if np.ndim(part) else part for part in since)
        apart = np.maximum(self.spread.take(at), level(m, who, ids))
        bad = ~ordered(m, apart, self.when.take(at), who, ids, since)
        return int(where[np.argmax(bad)]) if bad.any() else None


class Shadow:
    """The accesses to `size` elements; `describe(element)` names one in a message.

    private : whether each element belongs to one block, as shared memory does: a barrier of all
    blocks then ends every story.
    """

    def __init__(self, size, describe, private):
        self.writers = Accessors(size)
        self.readers: Accessors | None = None
        self.atomics: Accessors | None = None
        self.size, self.describe, self.private = size, describe, private
        self.written = 0  # time of the last write or atomic
        self.pending = []  # reads not entered yet: (at, ids, time, since)

    def read(self, m, at, ids, since, site):
        """Note a read of elements `at` by threads `ids`; raise Race if another wrote them.

        since : (block, warp, grid), times of the last barriers of these threads.
        """
        time = m.tick(site)
        if self._fresh(since):
            self._check(m, (self.writers, self.atomics), at, ids, since, site, "reads")
        self.pending.append((at, ids, time, since))
        if len(self.pending) >= PENDING:
            self._settle(m)

    def write(self, m, at, ids, since, site, value=None):
        """Note a write; raise Race if another thread read or wrote without a barrier between.

        value : what is written: scalar, by lane, or None for unknown. Threads that write the same
        value in one instruction do not race: whoever comes last, the result is one.
        """
        self._settle(m, since)
        groups = (
            (self.readers, self.writers, self.atomics) if self._fresh(since) else (self.readers,)
        )
        self._check(m, groups, at, ids, since, site, "writes")
        self.written = time = m.tick(site)
        self.writers.who[at] = ids
        self.writers.when[at] = time
        others = self.writers.who.take(at) != ids
        if others.any() and not _same_value(value, at):
            i = int(np.argmax(others))
            self._blame(m, site, ids[i], "writes", self.writers.who[at[i]], "wrote", site, at[i])

    def atomic(self, m, at, ids, since, site):
        """Note an atomic update: in conflict with plain accesses, not with other atomics."""
        self._settle(m, since)
        if self.atomics is None:
            self.atomics = Accessors(self.size)
        self._check(m, (self.readers, self.writers), at, ids, since, site, "updates")
        self.written = time = m.tick(site)
        self.atomics.enter(m, at, ids, time, since)

    def _fresh(self, since):
        """Whether the last write may be unordered with an access now."""
        block, _, grid = since
        last = block if self.private and not np.ndim(block) else grid
        return self.written > 0 and self.written >= last

    def _settle(self, m, since=None):
        """Enter the pending reads, but for those that a barrier has ended."""
        if since is not None and self.private and not np.ndim(since[0]):
            self.pending = [read for read in self.pending if read[2] >= since[0]]
        if self.pending and self.readers is None:
            self.readers = Accessors(self.size)
        for read in self.pending:
            self.readers.enter(m, *read)  # type: ignore[union-attr]
        self.pending = []

    def _check(self, m, groups, at, ids, since, site, does):
        for group in groups:
            if group is None:
                continue
            i = group.conflict(m, at, ids, since)
            if i is not None:
                did = "read" if group is self.readers else "wrote"
                did = "updated" if group is self.atomics else did
                earlier = m.sites[group.when[at[i]]]
                self._blame(m, site, ids[i], does, group.who[at[i]], did, earlier, at[i])

    def _blame(self, m, site, who, does, other, did, earlier, element):
        block, thread = m.whereabouts(who)
        their_block, their_thread = m.whereabouts(other)
        if who == other:  # one of several accessors; which of the others is not kept
            them = "another thread"
        elif their_block == block:
            them = f"thread {plain(their_thread)}"
        else:
            them = f"thread {plain(their_thread)} of block {plain(their_block)}"
        between = (
            "no barrier stands between"
            if their_block == block
            else ("no barrier orders two blocks of a launch")
        )
        when = f"at line {earlier.line}" if earlier is not site else "on this line"
        what = self.describe(int(element))
        message = f"race: this thread {does} {what}, {them} {did} it {when}; {between}"
        raise Race(message, site, block, thread)


def level(m, a, b):
    """Return how far apart threads `a` and `b` are: 0 one thread, 1 warp, 2 block, 3 grid."""
    a, b = a - 1, b - 1
    apart = (a // m.padded != b // m.padded).astype(np.int8)
    apart += a // 32 != b // 32
    apart += a != b
    return apart


def ordered(m, apart, when, who, ids, since):
    """Whether an access at `when` comes before one now, for threads `apart` and `since`."""
    block, warp, grid = since
    before = (apart == 0) | ((apart == 1) & (when < warp)) | ((apart <= 2) & (when < block))
    before |= when < grid
    if m.fences is not None:
        released = m.fences.released[(who - 1) // m.padded]
        acquired = m.fences.acquired[(ids - 1) // m.padded]
        before |= (apart == 3) & (when < released) & (released < acquired)
    return before


def _same_value(value, at):
    """Whether lanes that write one element write one value there."""
    if value is None or not np.ndim(value):
        return value is not None
    order = np.argsort(at, kind="stable")
    same_place = at[order][1:] == at[order][:-1]
    same = value[order][1:] == value[order][:-1]
    return bool((same | ~same_place).all())
