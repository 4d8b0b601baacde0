"""Who touched which element, and when: finds races, in a block and across blocks.

Two accesses to one element race if two threads make them, at least one writes, not both are atomic,
and nothing orders them: no barrier of their block, no syncwarp of their warp, no sync of the grid,
no fence and atomic (fences.py). Two writes of one value do not race: whoever is last, the result
is the same.

Beside each element stand the last accessor of each kind, readers, writers and atomics, and how far
apart all of them are that nothing has ordered: one thread (0), one warp (1), one block (2), several
blocks (3). That is enough: barriers order whole blocks and syncwarps whole warps, so that a later
thread is ordered after all of them or after none but itself. Only where a kernel names fewer lanes
in a syncwarp, each lane of a warp is kept (`lanes`).
"""

from typing import Any, NamedTuple

import numpy as np

from dlpar.gpu.lockstep.errors import Race, plain
from dlpar.gpu.lockstep.machine import LANES, WARP

SPREAD, ACCESSOR = 3, 2**34 - 1  # the bits of a mark: how far apart, and that with who
WHO, WHEN = 2, 34  # where in a mark they begin
PENDING = 64  # accesses kept before they are entered: most are forgotten at the next barrier
FEW = 8  # so many are compared with a later one as they are


class Touch(NamedTuple):
    """Accesses of one instruction: threads `ids` at elements `at`.

    block, warp, grid : time of the last barrier of each thread's block and warp, and of the grid:
    a scalar if it is the same for all. Of a kernel that names lanes in a syncwarp, `warp` is
    (n, 32): until when each thread knows what each lane of its warp did.
    """

    at: np.ndarray
    ids: np.ndarray
    block: Any
    warp: Any
    grid: int


class Accessors:
    """The accesses of one kind to `size` elements.

    `mark` holds for each element when it was accessed last, by whom (an id), and how far apart all
    accessors are, packed in one number; 0 where nobody was. Times grow, so that marks compare as
    their times do.
    """

    def __init__(self, size, did, by_lane):
        self.did = did
        self.mark = np.zeros(size, np.int64)
        self.lanes = np.zeros((size, WARP), np.int32) if by_lane else None  # times
        self.last = self.entered = 0  # time of the last access, and of the last in `mark`
        self.there = None  # who is where, in `_meets`: 0 outside it
        self.pending = []  # accesses not in `mark` yet: (touch, time, ended, late)

    def note(self, m, touch, time, ended, late):
        """Keep the accesses of `touch` at `time`; `late` as returned by `late`, or None."""
        if ended > self.last:
            self.pending.clear()
        elif self.pending and same(self.pending[-1][0], touch):
            self.pending.pop()  # what a thread does again stands for what it did
        self.last = time
        self.pending.append((touch, time, ended, late))
        if len(self.pending) > PENDING:
            self._settle(m)

    def late(self, m, touch, ended, distinct):
        """Return which accesses of `touch` nothing orders after all these; None if there are none.

        ended : all accesses before this time are ordered before those of `touch`.
        distinct : whether it is known that each thread of `touch` is at an element of its own.
        """
        if self.last < ended:
            return None
        if distinct and self.entered < ended and len(self.pending) <= FEW:
            others = [pending[0] for pending in self.pending if not same(pending[0], touch)]
            if not (others and self._meets(touch, others)):
                return None  # each thread meets itself only
        self._settle(m, ended)
        return self._late(m, touch, ended)

    def _meets(self, touch, others):
        """Whether a thread of `touch` is where another thread is in one of `others`."""
        if self.there is None:
            self.there = np.zeros_like(self.mark)
        self.there[touch.at] = touch.ids
        met = False
        for other in others:
            who = self.there.take(other.at)
            met = met or ((who != 0) & (who != other.ids)).any()
        self.there[touch.at] = 0
        return met

    def _settle(self, m, ended=0):
        for touch, time, back_then, late in self.pending:
            if time >= ended:
                late = self._late(m, touch, back_then) if late is None else late
                self._enter(m, touch, time, late)
        self.pending.clear()

    def _late(self, m, touch, ended):
        if self.entered < ended:
            return None
        mark = self.mark.take(touch.at)
        late = mark >= ended << WHEN
        late &= (mark & ACCESSOR) != (touch.ids << WHO)  # somebody else, or not alone
        if not late.any():
            return None
        if m.fences is None and max(np.max(touch.block), np.max(touch.warp)) <= ended:
            return late  # nothing has ordered any two threads since
        (where,) = late.nonzero()
        some = Touch(*(part[where] if np.ndim(part) else part for part in touch))
        late[where] = ~self._ordered(m, mark[where], some)
        return late

    def _ordered(self, m, mark, touch):
        at, ids, block, warp, grid = touch
        when, who, spread = unpacked(mark)
        apart = np.maximum(spread, level(m, who, ids))
        before = (apart == 0) | (when < grid) | ((apart <= 2) & (when < block))
        near = (apart == 1) & ~before
        if self.lanes is None:
            before |= near & (when < warp)
        elif near.any():
            before[near] = self._known(at[near], ids[near], np.maximum(warp.T, block).T[near])
        if m.fences is not None:
            before |= m.fences.ordered(who, when, ids, self.did == "updated")
        return before

    def _known(self, at, ids, warp):
        times = self.lanes[at]  # type: ignore[index]
        others = (ids % WARP)[:, None] != LANES
        return ~((times >= warp) & (times > 0) & others).any(axis=1)

    def _enter(self, m, touch, time, late):
        at, ids = touch.at, touch.ids
        mark = (time << WHEN) + (ids << WHO)
        if late is not None:
            _, who, spread = unpacked(self.mark.take(at))
            mark += np.where(late, np.maximum(spread, level(m, who, ids)), 0)
        self.mark[at], self.entered = mark, time
        if self.lanes is not None:
            kept = at[:0] if late is None else at[late]
            old = self.lanes[kept]
            self.lanes[at] = 0
            self.lanes[kept] = old
            self.lanes[at, ids % WARP] = time
        there = self.mark.take(at)
        if (there != mark).any():  # several threads at one element: the last stands there now
            self._gather(m, at, mark, there)

    def _gather(self, m, at, mark, there):
        _, mine, spread = unpacked(mark)
        apart = np.maximum(spread, level(m, unpacked(there)[1], mine))
        np.maximum.at(self.mark, at, (there & ~SPREAD) + apart)


class Shadow:
    """The accesses to `size` elements.

    private : whether each element belongs to one block, as shared memory does: a barrier of all
    blocks then ends every story.
    """

    def __init__(self, size, private):
        self.size, self.private = size, private
        self.readers = self.writers = self.atomics = None
        self.distinct = self.place = None  # see `_distinct`

    def read(self, m, store, touch, site):
        """Note a read; raise Race if another thread wrote without a barrier between."""
        ended, distinct = self._ended(m), touch.at is self.distinct
        self._meet(m, store, touch, site, "reads", (self.writers, self.atomics), ended, distinct)
        if self.readers is None:
            self.readers = Accessors(self.size, "read", m.by_lane)
        self.readers.note(m, touch, m.tick(site), ended, None)

    def write(self, m, store, touch, site, value):
        """Note that `value`, scalar or one a thread, is written; raise Race."""
        ended, distinct = self._ended(m), self._distinct(m, store, touch, site, value)
        self._meet(m, store, touch, site, "writes", (self.readers, self.atomics), ended, distinct)
        if self.writers is None:
            self.writers = Accessors(self.size, "wrote", m.by_lane)
        late = self.writers.late(m, touch, ended, distinct)
        if late is not None:
            bad = late & (store.data.take(touch.at - store.origin) != value)
            if bad.any():
                self._blame(m, store, site, touch, bad, "writes", self.writers)
        self.writers.note(m, touch, m.tick(site), ended, late)

    def atomic(self, m, store, touch, site):
        """Note an atomic update: in conflict with plain accesses, not with other atomics."""
        ended, distinct = self._ended(m), touch.at is self.distinct
        self._meet(m, store, touch, site, "updates", (self.readers, self.writers), ended, distinct)
        if self.atomics is None:
            self.atomics = Accessors(self.size, "updated", m.by_lane)
        self.atomics.note(m, touch, m.tick(site), ended, None)

    def _meet(self, m, store, touch, site, does, groups, ended, distinct):
        for group in groups:
            if group is not None and group.last >= ended:
                late = group.late(m, touch, ended, distinct)
                if late is not None and late.any():
                    self._blame(m, store, site, touch, late, does, group)

    def _ended(self, m):
        """Return the time before which everything is ordered before all that may come."""
        if self.private or m.alone:
            return m.all_since
        return m.grid_since

    def _distinct(self, m, store, touch, site, value):
        """Whether each thread writes an element of its own; raise Race if their values differ."""
        at, ids = touch.at, touch.ids
        if at is self.distinct:
            return True
        if self.place is None:
            self.place = np.empty(self.size, np.int32)
        number = np.arange(len(at), dtype=np.int32)
        self.place[at] = number
        winner = self.place.take(at)
        if (winner == number).all():
            self.distinct = at
            return True
        differ = np.ndim(value) and value != value[winner]
        if np.any(differ):
            i = int(np.argmax(differ))
            what = store.describe(at[i] - store.origin)
            self._raise(m, site, ids[i], "writes", ids[winner[i]], "wrote", site, what)
        return False

    def _blame(self, m, store, site, touch, bad, does, group):
        i = int(np.argmax(bad))
        element, who = touch.at[i], touch.ids[i]
        when, other, _ = unpacked(group.mark[element])
        earlier = m.sites[when]
        what = store.describe(element - store.origin)
        self._raise(m, site, who, does, other, group.did, earlier, what)

    def _raise(self, m, site, who, does, other, did, earlier, what):
        block, thread = m.whereabouts(who)
        their_block, their_thread = m.whereabouts(other)
        if other == who:  # the one that is kept of several
            them = "another thread"
        elif their_block == block:
            them = f"thread {plain(their_thread)}"
        else:
            them = f"thread {plain(their_thread)} of block {plain(their_block)}"
        when = f"at line {earlier.line}" if earlier is not site else "on this line"
        between = (
            "no barrier stands between"
            if their_block == block
            else "no barrier orders two blocks of a launch"
        )
        message = f"race: this thread {does} {what}, {them} {did} it {when}; {between}"
        raise Race(message, site, block, thread)


def same(a, b):
    """Whether the same threads are at the same elements in Touches `a` and `b`, as far as known."""
    return a.at is b.at and a.ids is b.ids


def unpacked(mark):
    """Return when, who and the spread of marks."""
    return mark >> WHEN, (mark & ACCESSOR) >> WHO, mark & SPREAD


def level(m, a, b):
    """Return how far apart threads `a` and `b` are: 0 one thread, 1 warp, 2 block, 3 grid."""
    differ = a ^ b
    return (differ != 0).astype(np.int8) + (differ >= WARP) + (differ >= m.id_step)
