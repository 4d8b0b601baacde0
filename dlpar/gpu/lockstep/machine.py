"""The machine's state: which blocks run, which lanes are active, and what time it is.

A group of blocks runs together. Every value in a kernel is either uniform (a NumPy scalar) or a
vector with one entry for each lane of the group: blocks in order, and in each block its threads
with x fastest. Statements run one after the other, each for all active lanes at once.
"""

import math
from functools import lru_cache
from typing import Any

import numpy as np

from dlpar.gpu.lockstep.errors import DivergentBarrier, EndlessLoop, plain

WARP = 32
LANES = np.arange(WARP)
NOBODY = object()  # the activity mask when no lane is left


class Geometry:
    """Where the lanes of a group of blocks are: the same for every launch of that shape.

    grid, block : (x, y, z).  blocks : range of linear block numbers.
    """

    def __init__(self, grid, block, blocks):
        self.grid, self.block_dim, self.blocks = grid, block, blocks
        self.threads = threads = math.prod(block)  # of a block
        self.block_warps = -(-threads // WARP)
        self.padded = self.block_warps * WARP  # warps never straddle two blocks
        self.count = len(blocks) * threads  # lanes
        self.lane = np.arange(self.count)
        self.thread = np.tile(np.arange(threads), len(blocks))  # linear, within its block
        self.block_in_group = np.repeat(np.arange(len(blocks)), threads)
        # A thread's number in the grid: whether two are of one warp or block, their bits tell.
        self.id_step = id_step(threads)
        self.id = (self.block_in_group + blocks.start + 1) * self.id_step + self.thread  # never 0
        self.coordinates = {}


geometry = lru_cache(maxsize=16)(Geometry)


class Machine:
    """One group of blocks of a launch.

    grid, block : (x, y, z).  blocks : range of linear block numbers.  checks : Checks.
    meter : counts what runs, or None.  by_lane : whether a syncwarp may name some lanes of a warp.
    """

    def __init__(self, grid, block, blocks, checks, meter=None, shared_nbytes=0, by_lane=False):
        where = geometry(grid, block, blocks)
        self.grid, self.block_dim, self.blocks = grid, block, blocks
        self.threads, self.block_warps, self.padded = where.threads, where.block_warps, where.padded
        self.count, self.lane, self.thread = where.count, where.lane, where.thread
        self.block_in_group, self.id, self.id_step = where.block_in_group, where.id, where.id_step
        self.checks, self.meter = checks, meter
        self.shared_nbytes = shared_nbytes
        self.alone = math.prod(grid) == 1

        # The activity mask: None (every lane), a bool vector with at least one True, or NOBODY.
        self.active: Any = None
        # True while lanes that still run this function are not active: assignments must merge.
        self.partial = False
        self.loop = None
        self.frame = None
        self.exited = None  # lanes whose kernel has returned

        self.sites = [None]  # the access, barrier or fence that happened at each time
        self.since: Any = 1  # time of the last barrier of a lane's block: one for all, or a vector
        self.by_lane = by_lane
        # Likewise of the last syncwarp; by lane, (count, 32): until when a lane knows each other.
        self.warp_since: Any = np.zeros((self.count, WARP), np.int32) if by_lane else 1
        self.grid_since = 1
        self.all_since = 1  # the time of the last barrier of the block that is furthest behind
        self.fences = None  # of a kernel that has fences
        self.steps = 0
        self.shared = {}  # by site
        self.shared_types = []  # as which dynamic shared memory was asked for
        self._coordinates = where.coordinates
        self._crowd: Any = None  # see `crowd`: of `_mask`, until the next barrier
        self._mask: Any = None
        self._masked: dict = {}  # vectors under that mask, by identity

    # Where a lane is

    def coordinate(self, what, axis):
        """Return threadIdx or blockIdx along axis 0, 1, 2: int32, uniform where it is."""
        key = what, axis
        if key not in self._coordinates:
            dims = self.block_dim if what == "thread" else self.grid
            if dims[axis] == 1:
                value = np.int32(0)
            else:
                if what == "thread":
                    linear = self.thread
                else:
                    linear = self.block_in_group + self.blocks.start
                inner = int(np.prod(dims[:axis], dtype=np.int64))
                value = (linear // inner % dims[axis]).astype(np.int32)
                if what == "block" and len(self.blocks) == 1:
                    value = value[0]
            self._coordinates[key] = value
        return self._coordinates[key]

    def global_index(self, axis):
        """Return cuda.grid's coordinate along `axis`, int64."""
        key = "global", axis
        if key not in self._coordinates:
            block = self.coordinate("block", axis).astype(np.int64)
            self._coordinates[key] = block * self.block_dim[axis] + self.coordinate("thread", axis)
        return self._coordinates[key]

    def whereabouts(self, identity):
        """Return (block, thread), each (x, y, z), of the lane that has this id."""
        number, thread = divmod(int(identity), self.id_step)
        return unravel(number - 1, self.grid), unravel(thread, self.block_dim)

    def blame(self, lane):
        """Return (block, thread) of the group's `lane`."""
        return self.whereabouts(self.id[lane])

    # Lanes and warps

    def by_warp(self, x, fill=0):
        """Return vector or scalar `x` as (warps, 32); lanes that do not exist hold `fill`."""
        x = self.spread(x)
        if self.threads % WARP == 0:
            return x.reshape(-1, WARP)
        wide = np.full((len(self.blocks), self.padded), fill, x.dtype)
        wide[:, : self.threads] = x.reshape(len(self.blocks), self.threads)
        return wide.reshape(-1, WARP)

    def from_warps(self, x):
        """Return (warps, 32) as a vector, the inverse of `by_warp`."""
        if self.threads % WARP == 0:
            return x.reshape(-1)
        return x.reshape(len(self.blocks), self.padded)[:, : self.threads].reshape(-1)

    def by_warp_and_lane(self, x):
        """Return (count, 32) as (warps, 32, 32)."""
        wide = np.zeros((len(self.blocks), self.padded, WARP), x.dtype)
        wide[:, : self.threads] = x.reshape(len(self.blocks), self.threads, WARP)
        return wide.reshape(-1, WARP, WARP)

    def from_warps_by_lane(self, x):
        """Return (warps, 32, 32) as (count, 32), the inverse of `by_warp_and_lane`."""
        wide = x.reshape(len(self.blocks), self.padded, WARP)
        return wide[:, : self.threads].reshape(-1, WARP)

    def by_block(self, x):
        """Return vector or scalar `x` as (blocks, threads)."""
        return self.spread(x).reshape(len(self.blocks), self.threads)

    def spread(self, x):
        """Return scalar or vector `x` as a vector."""
        return x if getattr(x, "ndim", 0) else np.full(self.count, x)

    def running(self):
        """Return the activity mask as a vector, also where it is None."""
        return np.ones(self.count, bool) if self.active is None else self.active

    def crowd(self):
        """Return the active lanes, their ids, and when their block, warp and grid last met.

        A time is a scalar if it is the same for all lanes.
        """
        if self._mask is not self.active or self._crowd is None:
            lanes = self.lane if self.active is None else self.active.nonzero()[0]
            block = self.since[lanes] if np.ndim(self.since) else self.since
            warp = self.warp_since[lanes] if np.ndim(self.warp_since) else self.warp_since
            self._crowd = lanes, self.id[lanes], (block, warp, self.grid_since)
            if self._mask is not self.active:
                self._mask, self._masked = self.active, {}
        return self._crowd

    def of_crowd(self, x):
        """Return vector `x` in the active lanes only: the same array for the same `x`."""
        if self.active is None:
            return x
        lanes = self.crowd()[0]
        return self.once((x,), lambda: x[lanes])

    def once(self, things, make):
        """Return `make()`, or what it returned for the same `things` under the same mask."""
        self.crowd()  # forgets what was under another mask
        key = tuple(map(id, things))
        found = self._masked.get(key)
        if found is None:
            if len(self._masked) > 32:
                self._masked.clear()
            found = self._masked[key] = things, make()  # `things` live on, and keep their ids
        return found[1]

    def still_there(self):
        """Return a mask of the lanes whose kernel has not returned."""
        return np.ones(self.count, bool) if self.exited is None else ~self.exited

    # Time

    def tick(self, site):
        """Return the time of the access at `site` that happens now."""
        self.sites.append(site)
        return len(self.sites) - 1

    def step(self, site):
        """Count an iteration of a loop; raise EndlessLoop past the limit."""
        self.steps += 1
        if self.steps > self.checks.steps:
            raise EndlessLoop(
                f"stopped after {self.checks.steps:,} iterations; `checks(steps=...)` allows more",
                site,
                *self.blame(int(np.argmax(self.running()))),
            )

    def barrier(self, site):
        """Every lane of a block waits for the others; raise DivergentBarrier if some never come."""
        time = self.tick(site)
        if self.fences is not None:
            self.fences.barrier(self)
        self._crowd = None
        if self.active is None:
            self.since = self.all_since = time
            return
        active, there = self.by_block(self.active), self.by_block(self.still_there())
        some = active.any(axis=1)
        if self.checks.barriers:
            missing = some[:, None] & there & ~active
            if missing.any():
                lane = int(np.argmax(missing))
                here = int(np.argmax(missing.any(axis=1)[:, None] & active))
                block, thread = self.blame(here)
                _, other = self.blame(lane)
                absent, of = int(missing[lane // self.threads].sum()), self.threads
                raise DivergentBarrier(
                    f"a barrier in divergent code: this thread waits, but {absent} of the block's "
                    f"{of} threads, such as thread {plain(other)}, never come here",
                    site,
                    block,
                    thread,
                )
        if some.all():
            self.since = self.all_since = time
        else:
            self.since = np.where(np.repeat(some, self.threads), time, self.since)
            self.all_since = int(self.since.min())

    def grid_barrier(self, site):
        """Every thread of the grid waits for all; raise DivergentBarrier if one is not there."""
        if self.checks.barriers and self.active is not None and not self.active.all():
            here, other = int(np.argmax(self.active)), int(np.argmin(self.active))
            block, thread = self.blame(here)
            their_block, their_thread = self.blame(other)
            raise DivergentBarrier(
                "a barrier of the grid in divergent code: this thread waits, but thread "
                f"{plain(their_thread)} of block {plain(their_block)} never comes here",
                site,
                block,
                thread,
            )
        self.barrier(site)
        self.grid_since = self.all_since

    def warp_barrier(self, site, mask):
        """The lanes of each warp that `mask`, one a lane or for all, names have waited together."""
        time, self._crowd = self.tick(site), None
        if not self.by_lane:
            self._whole_warp_barrier(time)
            return
        words = self.by_warp(np.asarray(mask).astype(np.uint32)[()])
        running = self.by_warp(self.running(), False)
        known = self.by_warp_and_lane(self.warp_since)
        for word in np.unique(words[running]):
            together = running & (words == word)  # (warps, 32)
            what = np.where(together[:, :, None], known, 0).max(axis=1)
            what[together] = time
            known = np.where(together[:, :, None], what[:, None, :], known)
        self.warp_since = self.from_warps_by_lane(known)

    def _whole_warp_barrier(self, time):
        if self.active is None:
            self.warp_since = time
            return
        warps = self.by_warp(self.active, False).any(axis=1)
        whole = self.from_warps(np.repeat(warps[:, None], WARP, axis=1))
        self.warp_since = np.where(whole, time, self.warp_since)

    # Masks

    def union(self, a, b):
        """Return the mask of the lanes in `a` or in `b`."""
        if a is NOBODY or a is None:
            return b if a is NOBODY else None
        if b is NOBODY or b is None:
            return a if b is NOBODY else None
        return a | b

    def back_to(self, before):
        """Make `before` the mask if the active lanes are the same: masks are told by identity."""
        if self.active is before or self.active is NOBODY:
            return
        if before is None:
            if self.active.all():
                self.active = None
        elif self.active is not None and np.array_equal(self.active, before):
            self.active = before


def id_step(threads):
    """Return how far apart the ids of two blocks of so many threads are: a power of two."""
    return max(WARP, 1 << (threads - 1).bit_length())


def unravel(number, dims):
    """Return (x, y, z) of the linear `number` in `dims`, x fastest."""
    x, y, _ = dims
    return number % x, number // x % y, number // (x * y)
