"""MPI's own collectives in simulation: the ranks meet, and pay what the standard algorithm costs.

A meeting ends for all ranks at the same time: when the last has called, plus the algorithm's cost
(costs.py). MPI lets some collectives return earlier; a program must not rely on that.
"""

import numpy as np

from dlpar.world.buffers import flat_array, writable_array
from dlpar.world.constants import (
    SUM,
    UNDEFINED,
    MPIError,
    function_of,
    is_in_place,
)
from dlpar.world.phantom import Phantom
from dlpar.world.virtual.costs import collective_seconds
from dlpar.world.virtual.deadlock import Deadlock, others_wait
from dlpar.world.virtual.waiting import fates


class Meeting:
    """One collective call: who has come with what, and what each takes home."""

    def __init__(self, call, peers, place):
        self.call = call  # as "Bcast(root=0)"
        self.place = place  # (communicator, number of the call)
        self.peers = peers
        self.brought = {}  # rank in the communicator -> its contribution
        self.taken = None
        self.nbytes = 0  # the most that one rank contributes
        self.parts = []  # of a non-blocking one
        self.end = 0.0  # s; until the end, the latest arrival

    def explain(self, world):
        """Return (ranks waited for, sentence)."""
        missing = self.missing()
        names = f"rank{'s' * (len(missing) > 1)} {', '.join(map(str, missing[:8]))}"
        more = f" and {len(missing) - 8} more" if len(missing) > 8 else ""
        said = f"waits in {self.call} for {names}{more} to call it"
        return missing, said + fates(world, missing)

    def missing(self):
        """Return the ranks of the world that have not called."""
        return tuple(p for r, p in enumerate(self.peers) if r not in self.brought)


class Collectives:
    """What SimComm is built on: the group and its collective methods."""

    def __init__(self, world, me, peers, rank, number):
        self._world = world
        self._me = me  # engine.Rank
        self._peers = peers  # this communicator's ranks as ranks of the world
        self._number = number  # the communicator's
        self._calls = 0  # collective calls so far: they match by their count
        self.rank = rank
        self.size = len(peers)

    def _meet(self, name, contribution, conclude, nbytes=0, root=None):
        """Bring `contribution`; return this rank's part of `conclude(all contributions)`."""
        me = self._me
        meeting = self._come(name, contribution, nbytes, root)
        start = me.clock
        if len(meeting.brought) < self.size:
            self._world.block(me, meeting)
        else:
            self._hold(meeting, name, conclude)
            for peer in self._peers:
                if peer != me.number:
                    self._world.wake(self._world.ranks[peer])
        me.clock = meeting.end
        self._world.spans.append((me.number, name, start, me.clock))
        return meeting.taken[self.rank]

    def _come(self, name, contribution, nbytes, root=None):
        """Bring `contribution` to the meeting of this communicator's next call; return it."""
        world, me = self._world, self._me
        call = name if root is None else f"{name}(root={root})"
        place = (self._number, self._calls)
        self._calls += 1
        meeting = world.meetings.get(place)
        if meeting is None:
            meeting = world.meetings[place] = Meeting(call, self._peers, place)
        elif meeting.call != call:
            raise self._mismatch(meeting, call)
        meeting.brought[self.rank] = contribution
        meeting.nbytes = max(meeting.nbytes, nbytes)
        meeting.end = max(meeting.end, me.clock)
        if len(meeting.brought) == self.size:
            del world.meetings[place]
        return meeting

    def _mismatch(self, meeting, call):
        """Return the Deadlock of a rank that calls `call` where the others are in `meeting`."""
        world, me = self._world, self._me
        first = self._peers[next(iter(meeting.brought))]
        return Deadlock(
            f"rank {me.number} calls {call} where rank {first} is in {meeting.call}: all ranks "
            "of a communicator must call the same collectives in the same order",
            [(me.number, (first,), f"calls {call}"), *others_wait(world, me)],
            world.trace(),
        )

    def _hold(self, meeting, name, conclude):
        """All have come to `meeting`: conclude it, and let it take its time."""
        meeting.taken = conclude([meeting.brought[r] for r in range(self.size)])
        meeting.end += collective_seconds(name, self.size, meeting.nbytes, self._world.network)

    def Barrier(self):
        """Wait until every rank has called."""
        self._meet("Barrier", None, lambda brought: brought)

    def Bcast(self, buf, root=0):
        """Copy root's `buf` into every rank's."""
        root = self._root(root)
        mine = flat_array(buf) if self.rank == root else writable_array(buf)

        def conclude(arrays):
            for rank, array in enumerate(arrays):
                if rank != root:
                    self._put(arrays[root], array, rank)
            return arrays

        self._meet("Bcast", mine, conclude, mine.nbytes, root)

    def Reduce(self, sendbuf, recvbuf, op=SUM, root=0):
        """Combine all ranks' `sendbuf` with `op` into root's `recvbuf`, in rank order."""
        root = self._root(root)
        if self.rank == root:
            mine, target = self._reduced_pair(sendbuf, recvbuf)
        else:
            mine, target = flat_array(sendbuf), None

        def conclude(pairs):
            self._put(self._combined([mine for mine, _ in pairs], op), pairs[root][1], root)
            return pairs

        self._meet("Reduce", (mine, target), conclude, mine.nbytes, root)

    def Allreduce(self, sendbuf, recvbuf, op=SUM):
        """Combine all ranks' `sendbuf` with `op` into every `recvbuf`, in rank order."""
        mine, target = self._reduced_pair(sendbuf, recvbuf)

        self._meet("Allreduce", (mine, target), self._sum_up(op), mine.nbytes)

    def _sum_up(self, op):
        """Return what concludes an Allreduce."""

        def conclude(pairs):
            total = self._combined([mine for mine, _ in pairs], op)
            for rank, (_, target) in enumerate(pairs):
                self._put(total, target, rank)
            return pairs

        return conclude

    def Gather(self, sendbuf, recvbuf, root=0):
        """Put rank r's `sendbuf` into the r-th of `size` equal blocks of root's `recvbuf`."""
        root = self._root(root)
        blocks = self._blocks(writable_array(recvbuf)) if self.rank == root else None
        self._gather("Gather", sendbuf, blocks, root)

    def _gather(self, name, sendbuf, blocks, root):
        """Put rank r's `sendbuf` into the r-th of root's `blocks`."""
        mine = blocks[root] if blocks and is_in_place(sendbuf) else flat_array(sendbuf)

        def conclude(pairs):
            for (sent, _), block in zip(pairs, pairs[root][1], strict=True):
                self._put(sent, block, root)
            return pairs

        self._meet(name, (mine, blocks), conclude, mine.nbytes, root)

    def Scatter(self, sendbuf, recvbuf, root=0):
        """Put the r-th of `size` equal blocks of root's `sendbuf` into rank r's `recvbuf`."""
        root = self._root(root)
        blocks = self._blocks(flat_array(sendbuf)) if self.rank == root else None
        self._scatter("Scatter", blocks, recvbuf, root)

    def _scatter(self, name, blocks, recvbuf, root):
        """Put the r-th of root's `blocks` into rank r's `recvbuf`."""
        target = blocks[root] if blocks and is_in_place(recvbuf) else writable_array(recvbuf)

        def conclude(pairs):
            for rank, (block, (target, _)) in enumerate(zip(pairs[root][1], pairs, strict=True)):
                self._put(block, target, rank)
            return pairs

        self._meet(name, (target, blocks), conclude, target.nbytes, root)

    def Allgather(self, sendbuf, recvbuf):
        """Put rank r's `sendbuf` into the r-th of `size` equal blocks of every `recvbuf`."""
        self._allgather("Allgather", sendbuf, self._blocks(writable_array(recvbuf)))

    def _allgather(self, name, sendbuf, blocks):
        """Put rank r's `sendbuf` into the r-th of every rank's `blocks`."""
        mine = blocks[self.rank] if is_in_place(sendbuf) else flat_array(sendbuf)

        def conclude(pairs):
            for rank, (_, blocks) in enumerate(pairs):
                for (sent, _), block in zip(pairs, blocks, strict=True):
                    self._put(sent, block, rank)
            return pairs

        self._meet(name, (mine, blocks), conclude, mine.nbytes)

    def Alltoall(self, sendbuf, recvbuf):
        """Send the r-th block of `sendbuf` to rank r, which has it as its block of this rank."""
        mine, target = self._blocks(flat_array(sendbuf)), self._blocks(writable_array(recvbuf))
        self._alltoall("Alltoall", mine, target)

    def _alltoall(self, name, mine, target):
        """Send the r-th block of `mine` to rank r, into its `target` block of this rank."""

        def conclude(pairs):
            for rank, (_, target) in enumerate(pairs):
                for (sent, _), block in zip(pairs, target, strict=True):
                    self._put(sent[rank], block, rank)
            return pairs

        self._meet(name, (mine, target), conclude, max(block.nbytes for block in mine))

    def Split(self, color=0, key=0):
        """Return the communicator of all ranks with the same `color`, ordered by (`key`, rank).

        None for color UNDEFINED, where mpi4py has COMM_NULL.
        """
        if color < 0 and color != UNDEFINED:
            raise self._error("ARG", f"a color is at least 0, not {color}")
        return self._split("Split", color, key)

    def _split(self, call, color, key):
        """Split, in the name of `call`."""
        world = self._world

        def conclude(wishes):
            taken: list[tuple | None] = [None] * len(wishes)
            for color in sorted({color for color, _ in wishes} - {UNDEFINED}):
                members = [r for r, (c, _) in enumerate(wishes) if c == color]
                members.sort(key=lambda r: wishes[r][1])  # stable: ties by rank
                peers = tuple(self._peers[r] for r in members)
                for rank, member in enumerate(members):
                    taken[member] = (peers, rank, world.communicators)
                world.communicators += 1
            return taken

        place = self._meet(call, (color, key), conclude)
        return None if place is None else type(self)(world, self._me, *place)

    # ------------------------------------------------------------ checking

    def _error(self, name, message):
        return MPIError(f"MPI_ERR_{name}", f"rank {self._me.number}: {message}")

    def _root(self, root):
        if not 0 <= root < self.size:
            raise self._error("ROOT", f"no root {root} among {self.size} ranks")
        return root

    def _reduced_pair(self, sendbuf, recvbuf):
        """Return (contribution, target) of a reduction; all are combined before any is written."""
        target = writable_array(recvbuf)
        if is_in_place(sendbuf):
            return target, target
        mine = flat_array(sendbuf)
        where = f"rank {self._me.number}: "
        if mine.size != target.size:
            message = f"mismatch in send count {mine.size} and receive count {target.size}"
            raise ValueError(where + message)
        if mine.dtype != target.dtype:
            message = f"mismatch in send and receive MPI datatypes: {mine.dtype}, {target.dtype}"
            raise ValueError(where + message)
        return mine, target

    def _combined(self, arrays, op):
        for rank, array in enumerate(arrays):
            if array.size != arrays[0].size or array.dtype != arrays[0].dtype:
                said = f"{array.size} elements of {array.dtype}, but rank {self._peers[0]}"
                first = f"{arrays[0].size} of {arrays[0].dtype}"
                message = f"rank {self._peers[rank]} reduces {said} {first}"
                raise MPIError("MPI_ERR_TRUNCATE", message)
        total, op = arrays[0].copy(), function_of(op)
        for array in arrays[1:]:
            total = op(total, array)
        return total

    def _blocks(self, array):
        """Return `size` equal views into `array`."""
        if array.size % self.size:
            message = (
                f"rank {self._me.number}: message: cannot infer count, number of entries "
                f"{array.size} is not a multiple of required number of blocks {self.size}"
            )
            raise ValueError(message)
        return np.split(array, self.size)

    def _put(self, source, target, rank):
        """Copy `source` to the start of `target`, byte by byte, as MPI does; `rank` owns it."""
        source, target = source.view(np.uint8), target.view(np.uint8)
        if source.size > target.size:
            message = f"rank {self._peers[rank]} has {target.size} bytes for {source.size}"
            raise MPIError("MPI_ERR_TRUNCATE", message)
        if source.__class__ is not Phantom:
            target[: source.size] = source
