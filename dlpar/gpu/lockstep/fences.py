"""What one block may know of another within a launch: fences and atomics, the "last block" pattern.

A thread writes, calls `threadfence`, and then changes an atomic variable. Whoever changes such a
variable later, and, after a barrier, the rest of its block, may read what was written. Which
variable it is plays no role here: the machine is a little too trusting there.
"""

import numpy as np

ORDER = 2**32  # atomics of one instruction happen in the order of their threads: time and thread


class Fences:
    """Times, by thread of the grid (its id)."""

    def __init__(self, ids):
        self.fenced = np.zeros(ids, np.int64)  # the thread's own last fence
        self.behind = np.zeros(
            ids, np.int64
        )  # what its block had done before that, up to a barrier
        self.settled = np.zeros(ids, np.int64)  # its last fence that its block knows of
        self.published = np.zeros(ids, np.int64)  # until when all may see what it did
        self.at = np.zeros(ids, np.int64)  # since when
        self.acquired = np.zeros(ids, np.int64)  # its last atomic, or one its block knows of

    def fence(self, m, site):
        """The active threads make visible what they know."""
        _, ids, (block, *_) = m.crowd()
        self.fenced[ids] = m.tick(site)
        self.behind[ids] = block

    def barrier(self, m):
        """The threads of each block tell one another."""
        here = m.by_block(m.running()).any(axis=1)
        ids = m.by_block(m.id)[here]
        self.settled[ids] = self.fenced[ids]
        self.acquired[ids] = self.acquired[ids].max(axis=1, keepdims=True)

    def atomic(self, m, site):
        """The active threads publish what stands behind their fences, and see what others did."""
        _, ids, _ = m.crowd()
        now = np.int64(m.tick(site)) * ORDER
        everybody, running = m.by_block(m.id), m.by_block(m.running())
        behind = np.where(running, self.behind[everybody], 0).max(axis=1, keepdims=True)
        until = np.where(running.any(axis=1)[:, None], self.settled[everybody], 0)
        last = np.where(running, everybody, 0).max(axis=1, keepdims=True)
        self._publish(everybody, np.maximum(until, behind), now + last)
        self._publish(ids, self.fenced[ids], now + ids)
        self.acquired[ids] = now + ids

    def _publish(self, ids, until, now):
        more = until > self.published[ids]
        self.at[ids] = np.where(more, now, self.at[ids])
        self.published[ids] = np.maximum(self.published[ids], until)

    def ordered(self, who, when, ids, atomic):
        """Whether an access of threads `who` at `when` comes before one of `ids` now."""
        before = (when < self.published[who]) & (self.at[who] < self.acquired[ids])
        if atomic:  # a thread that has changed the variable after them comes after them
            before |= (self.published[who] > 0) & (
                when.astype(np.int64) * ORDER + who <= self.acquired[ids]
            )
        return before
