"""The simulated world in which a death is told: MPI's User-Level Failure Mitigation (ULFM).

When a rank has died, all others know it DETECTION later, at one time. From then on whatever waits
for it raises MPI_ERR_PROC_FAILED, at once or as soon as it waits; what has arrived from it can be
received. A collective call needs all members: on a communicator with a dead one it raises on
everybody who is in it or calls it. (In real MPI some members may have got what they need, and
return: programs find out together by Agree.) Only `Agree` and `Shrink` go on without the dead.

A receive from any rank might need the dead: until they are acknowledged (Ack_failed), a Recv or
Probe raises MPI_ERR_PROC_FAILED, and the Wait of an Irecv MPI_ERR_PROC_FAILED_PENDING: that one
stays posted and can be waited for again. Calls that start something (Isend, Irecv) never raise.

A rank that is stopped is not dead: nobody is told, and who waits for it waits for ever.

Every operation comes in the order of virtual time here, which the plain world leaves open where it
makes no difference. That costs one more event an operation.

Source: MPI Forum, ULFM chapter; Open MPI 5 (the same choices, tried); Bland et al., IJHPCA 2013.
"""

from collections import Counter

from dlpar.world.constants import ANY_SOURCE, MPIError
from dlpar.world.faults import Stop
from dlpar.world.virtual.collectives import Meeting
from dlpar.world.virtual.costs import collective_seconds
from dlpar.world.virtual.faulty import FaultyRoutedWorld, FaultyWorld
from dlpar.world.virtual.waiting import ASLEEP, AnyOf, Part, Receipt

DETECTION = 1e-3  # s from a death to when all know; on real clusters milliseconds or seconds


class News:
    """An event: ranks learn of a death, or that a communicator is revoked."""

    # What RoutedWorld asks of an event before it passes one to `_reach`.
    moving, receipt, stage = False, None, 0

    def __init__(self, due, happen):
        self.due = due
        self.happen = happen


class Agreement(Meeting):
    """A collective call that goes on without the dead: it ends when all others have come."""

    def __init__(self, world, name, peers, place, conclude):
        super().__init__(name, peers, place)
        self.world = world
        self.conclude = conclude  # {rank in the communicator: contribution} -> all that one takes

    def missing(self):
        """Return the ranks of the world that have not called, and are not known to be dead."""
        return tuple(p for p in super().missing() if p not in self.world.failed)

    def bring(self, rank, contribution, clock):
        """Let `rank` of the communicator come at `clock`."""
        self.brought[rank] = contribution
        self.end = max(self.end, clock)

    def hold(self):
        """End it, if nobody is missing; tell whether nobody is."""
        world = self.world
        if self.missing():
            return False
        del world.meetings[self.place]
        self.taken = self.conclude(self.brought)
        cost = collective_seconds(self.call, len(self.brought), 0, world.network)
        self.end = max(self.end, world.now) + cost
        for rank in world.ranks:
            if rank.awaits is self:
                world.wake(rank)
        return True


class UlfmWorld(FaultyWorld):
    """A world whose ranks are told of deaths."""

    def __init__(self, size, network, faults):
        super().__init__(size, network, faults)
        self.failed = {}  # ranks that are known to be dead, in the order of dying -> s
        self.revoked = set()  # (communicator, rank that knows)
        self.acked = Counter()  # (communicator, rank) -> how many of its failed it has acknowledged
        self.errors = {}  # rank -> what it is woken to raise
        self.withdrawn = set()  # Receipts that were given up: nothing may be written there

    def carry_out(self, me, name, call):
        """Return `call()`, in the order of virtual time, unless a fault decides otherwise."""
        if me.number not in self.inside and me.number not in self.dead:
            self.sleep(me, me.clock)
        return super().carry_out(me, name, call)

    def _die(self, me, fault, where):
        if not isinstance(fault, Stop):
            self.tell(me.clock + DETECTION, lambda: self._learn(me.number))
        super()._die(me, fault, where)

    def _learn(self, number):
        self.failed[number] = self.now
        for meeting in list(self.meetings.values()):
            if isinstance(meeting, Agreement):
                meeting.hold()

    def failed_of(self, peers):
        """Return those of `peers`, ranks of the world, that are known to be dead, in that order."""
        return [rank for rank in self.failed if rank in peers]

    # ------------------------------------------------------- what cannot be

    def tell(self, time, happen):
        """Let `happen()` happen at `time`; then whoever waits in vain is told."""
        self.at(time, News(time, happen))

    def _reach(self, event):
        if event.__class__ is not News:
            super()._reach(event)
            return
        event.happen()
        for rank in self.ranks:
            if rank.awaits not in (None, ASLEEP) and not rank.finished:
                self._reconsider(rank)

    def _reconsider(self, rank):
        """Wake `rank` if what it waits for cannot be any more."""
        awaits = rank.awaits
        error = self._give_up(rank, awaits, self.now)
        if error is not None:
            self.errors[rank.number] = error
            self.wake(rank)

    def block(self, rank, awaits):
        """Hold the calling rank; raise MPIError if what it waits for cannot be, now or later."""
        if self.vain(rank, awaits):
            error = self._give_up(rank, awaits, rank.clock)
            if error is not None:
                raise error
            return
        super().block(rank, awaits)
        error = self.errors.pop(rank.number, None)
        if error is not None:
            rank.clock = max(rank.clock, self.now)
            raise error

    def _give_up(self, rank, awaits, time):
        """Fail all of `awaits` that cannot be; return what is to be raised beside, or None.

        What has a Receipt or a Part is done then, with an error.
        """
        for one in self._needs(rank, awaits):
            error = self.obstacle(rank, one)
            if error is None:
                continue
            meeting = one.meeting if isinstance(one, Part) else one
            if isinstance(meeting, Meeting):
                self.meetings.pop(meeting.place, None)
            pending = error.error_class == "MPI_ERR_PROC_FAILED_PENDING"
            if pending or not isinstance(one, Receipt | Part):
                return error
            if one is not awaits and not isinstance(awaits, AnyOf):
                self._withdraw(rank)  # a Sendrecv that can receive, and cannot send
                return error
            one.error = error
            if isinstance(one, Receipt):
                self.take_back(one)
            self.settle(one, max(time, rank.clock))
        return None

    def vain(self, rank, awaits):
        """Tell whether `awaits`, or one of those in it, cannot be any more."""
        return any(self.obstacle(rank, one) is not None for one in self._needs(rank, awaits))

    def _needs(self, rank, awaits):
        """Return what `rank`, blocked in `awaits`, needs: any of an AnyOf, both of a Sendrecv."""
        if isinstance(awaits, AnyOf):
            return awaits.receipts
        inside = self.inside.get(rank.number)
        request = inside and inside.request
        if request is None or request is awaits or request.done is not None:
            return [awaits]
        return [awaits, request]

    def obstacle(self, rank, awaits):
        """Return the MPIError that `rank` is to be told instead of what it waits for, or None."""
        if awaits is ASLEEP or isinstance(awaits, Agreement):
            return None
        meeting = awaits.meeting if isinstance(awaits, Part) else awaits
        meets = isinstance(meeting, Meeting)
        communicator = meeting.place[0] if meets else awaits.key[0]
        if (communicator, rank.number) in self.revoked:
            return self._error(rank, "REVOKED", "the communicator was revoked")
        if not self.failed:
            return None
        name = "PROC_FAILED"
        if meets or awaits.key[1] == ANY_SOURCE:
            needed = self.failed_of(meeting.peers)
            if not meets:
                needed = needed[self.acked[communicator, rank.number] :]
                inside = self.inside.get(rank.number)
                if inside is None or inside.where.startswith("Wait"):
                    name = "PROC_FAILED_PENDING"
        else:
            needed = self.failed_of((awaits.peers[awaits.key[1]],))
        if not needed:
            return None
        said = awaits.explain(self)[1]
        fate = f"rank {needed[0]} {self.ranks[needed[0]].fate}"
        return self._error(rank, name, said if fate in said else f"{said}, but {fate}")

    def _error(self, rank, name, said):
        inside = self.inside.get(rank.number)
        where = f"in {inside.where}: " if inside else ""
        return MPIError(f"MPI_ERR_{name}", f"rank {rank.number} {where}{said}")

    # ------------------------------------------------------------ messages

    def take_back(self, receipt):
        """Take back a receive or a send that was given up; its message counts as lost."""
        self.withdrawn.add(receipt)
        rank = receipt.rank
        if receipt in rank.wild:
            rank.wild.remove(receipt)
        elif receipt in (waiting := rank.posted.get(receipt.key, ())):
            waiting.remove(receipt)
            if not waiting:
                del rank.posted[receipt.key]

    def complete(self, envelope, receipt, end):
        """Put the payload into the receive's buffer, unless that was given up meanwhile."""
        if receipt in self.withdrawn:
            self.lose(envelope)
        else:
            super().complete(envelope, receipt, end)


class UlfmRoutedWorld(UlfmWorld, FaultyRoutedWorld):
    """The same on a Topology."""
