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

PENDING = 64  # accesses kept before they are entered: most are forgotten at the next barrier


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
    """The accesses of one kind to `size` elements."""

    def __init__(self, size, did, by_lane):
        self.did = did
        self.who = np.zeros(size, np.int32)  # an id, 0 for nobody
        self.when = np.zeros(size, np.int32)
        self.spread = np.zeros(size, np.int8)
        self.lanes = np.zeros((size, WARP), np.int32) if by_lane else None  # times
        self.last = 0  # time of the last access
        self.pending = []  # accesses that are not entered yet: (touch, time, ended, late)

    def note(self, m, touch, time, ended, late):
        """Keep the accesses of `touch` at `time`; `late` as returned by `late`, or None."""
        if ended > self.last:
            self.pending.clear()
        self.last = time
        self.pending.append((touch, time, ended, late))
        if len(self.pending) > PENDING:
            self._settle(m)

    def late(self, m, touch, ended):
        """Return which accesses of `touch` nothing orders after all these; None if there are none.

        ended : all accesses before this time are ordered before those of `touch`.
        """
        if self.last < ended:
            return None
        self._settle(m, ended)
        return self._late(m, touch, ended)

    def _settle(self, m, ended=0):
        for touch, time, back_then, late in self.pending:
            if time >= ended:
                late = self._late(m, touch, back_then) if late is None else late
                self._enter(m, touch, time, late)
        self.pending.clear()

    def _late(self, m, touch, ended):
        at, ids = touch.at, touch.ids
        recent = self.when.take(at) >= ended
        if not recent.any():
            return None
        recent &= (self.who.take(at) != ids) | (self.spread.take(at) > 0)
        (where,) = recent.nonzero()
        if not len(where):
            return None
        some = Touch(*(part[where] if np.ndim(part) else part for part in touch))
        recent[where] = ~self._ordered(m, some)
        return recent

    def _ordered(self, m, touch):
        at, ids, block, warp, grid = touch
        who, when = self.who.take(at), self.when.take(at)
        apart = np.maximum(self.spread.take(at), level(m, who, ids))
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
        spread: Any = 0
        if late is not None:
            apart = np.maximum(self.spread.take(at), level(m, self.who.take(at), ids))
            spread = np.where(late, apart, 0)
        self.who[at], self.when[at], self.spread[at] = ids, time, spread
        if self.lanes is not None:
            kept = () if late is None else at[late]
            old = self.lanes[kept] if len(kept) else 0
            self.lanes[at] = 0
            self.lanes[kept] = old
            self.lanes[at, ids % WARP] = time
        apart = level(m, self.who.take(at), ids)
        if apart.any():  # several threads at one element: the last stands there now
            np.maximum.at(self.spread, at, np.maximum(apart, spread))


class Shadow:
    """The accesses to `size` elements.

    private : whether each element belongs to one block, as shared memory does: a barrier of all
    blocks then ends every story.
    """

    def __init__(self, size, private):
        self.size, self.private = size, private
        self.readers = self.writers = self.atomics = None
        self.distinct = None  # elements of which it is known that no two are the same

    def read(self, m, store, touch, site):
        """Note a read; raise Race if another thread wrote without a barrier between."""
        ended = self._ended(m)
        for group in (self.writers, self.atomics):
            late = group and group.late(m, touch, ended)
            if late is not None and late.any():
                self._blame(m, store, site, touch, late, "reads", group)
        if self.readers is None:
            self.readers = Accessors(self.size, "read", m.by_lane)
        self.readers.note(m, touch, m.tick(site), ended, None)

    def write(self, m, store, touch, site, value):
        """Note that `value`, scalar or one a thread, is written to `data`; raise Race."""
        ended = self._ended(m)
        for group in (self.readers, self.atomics):
            late = group and group.late(m, touch, ended)
            if late is not None and late.any():
                self._blame(m, store, site, touch, late, "writes", group)
        if self.writers is None:
            self.writers = Accessors(self.size, "wrote", m.by_lane)
        late = self.writers.late(m, touch, ended)
        if late is not None:
            bad = late & (store.data.take(touch.at - store.origin) != value)
            if bad.any():
                self._blame(m, store, site, touch, bad, "writes", self.writers)
        self._one_value(m, store, touch, site, value)
        self.writers.note(m, touch, m.tick(site), ended, late)

    def atomic(self, m, store, touch, site):
        """Note an atomic update: in conflict with plain accesses, not with other atomics."""
        ended = self._ended(m)
        for group in (self.readers, self.writers):
            late = group and group.late(m, touch, ended)
            if late is not None and late.any():
                self._blame(m, store, site, touch, late, "updates", group)
        if self.atomics is None:
            self.atomics = Accessors(self.size, "updated", m.by_lane)
        self.atomics.note(m, touch, m.tick(site), ended, None)

    def _ended(self, m):
        """Return the time before which everything is ordered before all that may come."""
        if self.private or m.alone:
            return m.since.min() if np.ndim(m.since) else m.since
        return m.grid_since

    def _one_value(self, m, store, touch, site, value):
        """Raise Race if threads write different values to one element in one instruction."""
        at, ids = touch.at, touch.ids
        if at is self.distinct or not np.ndim(value):
            return
        place = np.empty(self.size, np.int32)
        place[at] = np.arange(len(at))
        winner = place.take(at)
        others = winner != np.arange(len(at))
        if not others.any():
            self.distinct = at
            return
        differ = value != value[winner]
        if differ.any():
            i = int(np.argmax(differ))
            what = store.describe(at[i] - store.origin)
            self._raise(m, site, ids[i], "writes", ids[winner[i]], "wrote", site, what)

    def _blame(self, m, store, site, touch, bad, does, group):
        i = int(np.argmax(bad))
        element, who = touch.at[i], touch.ids[i]
        earlier = m.sites[group.when[element]]
        other = group.who[element]
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


def level(m, a, b):
    """Return how far apart threads `a` and `b` are: 0 one thread, 1 warp, 2 block, 3 grid."""
    differ = a ^ b
    return (differ != 0).astype(np.int8) + (differ >= WARP) + (differ >= m.id_step)
