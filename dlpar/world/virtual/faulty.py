"""The simulated world in which planned faults strike. Without a plan none of this is in the way.

Faults of ranks strike where a rank calls an operation: every one is carried out by `carry_out`,
which counts it. Faults of messages strike where a message sets out: `_launch` hands its events to
`at`, which catches them for `dispatch`. Kill, Exit and Stop raise GreenletExit in the rank,
and what it has posted and announced goes with it: one that is stopped takes and brings no more.
"""

import copy
import math
from collections import Counter, defaultdict

from greenlet import GreenletExit

from dlpar.world.faults import (
    Drop,
    Duplicate,
    Exit,
    Kill,
    Raise,
    RankFault,
    Reorder,
    Stop,
    Strike,
)
from dlpar.world.trace import Trace
from dlpar.world.virtual.armed import Alarm, Armed, Inside
from dlpar.world.virtual.engine import World
from dlpar.world.virtual.routed import RoutedWorld
from dlpar.world.virtual.waiting import ASLEEP

ENDS = Kill | Exit | Stop  # a rank that meets one of these does nothing more


class FaultyWorld(World):
    """A world with a plan of faults."""

    def __init__(self, size, network, faults):
        super().__init__(size, network)
        self.rng = faults.rng
        self.armed = [Armed(fault) for fault in faults.plan]
        self.message_faults = [a for a in self.armed if not isinstance(a.fault, RankFault)]
        self.placed = defaultdict(list)  # rank -> its faults at operations
        self.timed = defaultdict(list)  # rank -> its faults at times
        self.calls = Counter()  # (rank, operation, or None for all) -> calls
        self.inside = {}  # rank -> Inside
        self.alarmed = set()  # ranks that an Alarm woke
        self.dead = {}  # rank -> s; the stopped are among them
        self.held = {}  # (source, dest) -> [(Armed, message)] that the next one will overtake
        self.caught = None  # while a message is launched: its events
        self.strikes = []
        for armed in self.armed:
            if isinstance(armed.fault, RankFault):
                kind = self.placed if armed.fault.at is None else self.timed
                kind[armed.fault.rank].append(armed)
                if isinstance(armed.fault, ENDS | Raise) and armed.fault.at is not None:
                    self.at(armed.fault.at, Alarm(self.ranks[armed.fault.rank], armed.fault.at))

    def run(self):
        """Run; an error tells of the faults. RuntimeError if one that was sure never struck."""
        try:
            super().run()
        except Exception as error:
            for fault, rank, time, where in self.strikes[:8]:
                error.add_note(f"planned: {fault} struck rank {rank} at {time:.9g} s, {where}")
            for armed in self.armed:
                if missed := armed.missed():
                    error.add_note(f"planned: {missed}")
            raise
        if missed := [words for armed in self.armed if (words := armed.missed())]:
            raise RuntimeError("; ".join(missed))

    def _struck(self, armed, rank, time, where):
        armed.strikes += 1
        self.strikes.append(Strike(armed.fault, rank, time, where))

    # --------------------------------------------------------------- ranks

    def carry_out(self, me, name, call):
        """Return `call()`, operation `name` of rank `me`, unless a fault decides otherwise."""
        if me.number in self.inside:
            return call()  # a part of another operation
        if me.number in self.dead:
            raise GreenletExit  # from a `finally` of the program
        self._strike_timed(me, f"before {name}")
        faults, where = self._count(me, name)
        self._strike(me, faults["before"], f"before {where}")
        inside = self.inside[me.number] = Inside(where, faults["during"])
        try:
            value = call()
            self.midway(me)
        finally:
            del self.inside[me.number]
        self._strike_timed(me, f"in {inside.where}", stop_work=name == "work")
        self._strike(me, faults["after"], f"after {where}")
        return value

    def _count(self, me, name):
        """Count the call; return ({when: faults that it meets}, "Sendrecv 3")."""
        faults = defaultdict(list)
        for operation in (name, None):
            self.calls[me.number, operation] += 1
            n = self.calls[me.number, operation]
            for armed in self.placed.get(me.number, ()):
                if armed.fault.on == operation:
                    armed.seen = n
                    if n == armed.fault.nth:
                        faults[armed.fault.when].append(armed)
        return faults, f"{name} {self.calls[me.number, name]}"

    def midway(self, me):
        """Let what is planned during the operation of `me` strike, once."""
        inside = self.inside[me.number]
        during, inside.during = inside.during, []
        self._strike(me, during, f"during {inside.where}")

    def _strike(self, me, faults, where):
        for armed in faults:
            fault = armed.fault
            self._struck(armed, me.number, me.clock, where)
            if isinstance(fault, ENDS):
                self._die(me, fault, where)
            elif isinstance(fault, Raise):
                self._withdraw(me)
                raise copy.copy(fault.error)
            elif fault.seconds is not None:
                self.spans.append((me.number, "slow", me.clock, me.clock + fault.seconds))
                me.clock += fault.seconds
            else:
                me.speed /= fault.factor

    def _strike_timed(self, me, where, stop_work=False):
        """Let the faults strike whose time `me` has reached, the earliest first.

        A rank that has gone past that time dies at it all the same; so does work stop at it.
        """
        due = [armed for armed in self.timed.get(me.number, ()) if armed.fault.at <= me.clock]
        for armed in sorted(due, key=lambda armed: armed.fault.at):
            self.timed[me.number].remove(armed)
            if isinstance(armed.fault, ENDS) or (isinstance(armed.fault, Raise) and stop_work):
                me.clock = armed.fault.at
                if stop_work:
                    rank, what, start, _ = self.spans[-1]
                    self.spans[-1] = rank, what, min(start, me.clock), me.clock
            self._strike(me, [armed], where)

    def _die(self, me, fault, where):
        how = "was killed" if isinstance(fault, Kill) else "was stopped"
        if isinstance(fault, Exit):
            how = f"exited with code {fault.code}"
        me.finished, me.fate = True, f"{how} at {me.clock:.9g} s, {where}"
        self.dead[me.number] = me.clock
        me.posted.clear()
        me.wild.clear()
        raise GreenletExit

    def _withdraw(self, me):
        """Take back the receives that the operation of `me` has posted."""
        inside = self.inside.get(me.number)
        for receipt in inside.receipts if inside else ():
            if receipt in me.wild:
                me.wild.remove(receipt)
            elif receipt in (waiting := me.posted.get(receipt.key, ())):
                waiting.remove(receipt)
                if not waiting:
                    del me.posted[receipt.key]

    def block(self, rank, awaits):
        """Hold the calling rank until it is put on `ready`, or the time of a fault has come."""
        super().block(rank, awaits)
        if rank.number in self.alarmed:
            self.alarmed.remove(rank.number)
            rank.clock = max(rank.clock, self.now)
        if rank.number in self.timed:
            inside = self.inside.get(rank.number)
            self._strike_timed(rank, f"in {inside.where}" if inside else "in its wait")

    def _reach(self, event):
        if event.__class__ is Alarm:
            rank = event.rank
            if rank.awaits not in (None, ASLEEP):  # else it is awake, or wakes by itself
                for meeting in self.meetings.values():
                    if rank.awaits is meeting:
                        del meeting.brought[meeting.peers.index(rank.number)]
                self.alarmed.add(rank.number)
                self.wake(rank)
        else:
            super()._reach(event)

    # ------------------------------------------------------------ messages

    def at(self, time, event):
        """Plan an event, unless a message is being launched: then what strikes it comes first."""
        if self.caught is None:
            super().at(time, event)
        else:
            self.caught.append((time, event))

    def dispatch(self, time, message):
        """Send `message` on its way to be at its receiver at `time`, if nothing strikes it."""
        lane = source, dest = message.source.number, message.dest.number
        inside = self.inside.get(source)
        if inside and any(_cuts(armed.fault, message) for armed in inside.during):
            self.lose(message)
            return
        armed = self._first_that_strikes(source, dest, message.key[2])
        fault = armed.fault if armed else None
        if isinstance(fault, Reorder):
            self.held.setdefault(lane, []).append((armed, message))
            return
        if armed:
            self._struck(armed, source, message.sent, self._named(message))
        if isinstance(fault, Drop):
            self.lose(message)
            return
        self._depart(time, message)
        if isinstance(fault, Duplicate):
            self._depart(time, self._copied(message))
        for late, overtaken in self.held.pop(lane, ()):
            self._struck(late, source, message.sent, self._named(overtaken))
            self._depart(time, overtaken)

    def _first_that_strikes(self, *message):
        """Return the first fault that strikes a message (source, dest, tag), or None."""
        found = None
        for armed in self.message_faults:
            fault = armed.fault
            if fault.fits(*message):
                armed.seen += 1
                chosen = fault.nth in (None, armed.seen)
                if chosen and fault.probability < 1:
                    chosen = self.rng.random() < fault.probability
                if chosen and found is None:
                    found = armed
        return found

    def _depart(self, time, message):
        super().at(time, message)

    def _copied(self, message):
        """Return a copy of `message` that waits for nobody; it counts as one more message."""
        twin = copy.copy(message)
        if message.request is not None:
            twin.request, twin.data = None, message.data.tobytes()
        sender = message.source
        twin.order = sender.messages_sent
        sender.messages_sent += 1
        sender.bytes_sent += message.nbytes
        return twin

    def lose(self, message):
        """Have `message` stand in the trace as one that nobody received."""
        self.messages.append(message.row(math.nan))

    def _named(self, message):
        source, dest = message.source.number, message.dest.number
        return f"message {source} to {dest}, tag {message.key[2]}"

    def _begin(self, envelope, receipt):
        """Start the transfer of a rendezvous, unless its sender is dead."""
        if envelope.source.number in self.dead:
            self.lose(envelope)
        else:
            super()._begin(envelope, receipt)

    def _next(self):
        """Return the next rank to run; when nothing is left to happen, let go what is held."""
        rank = super()._next()
        while rank is None and self.held:
            for _, message in self.held.pop(next(iter(self.held))):
                self._depart(self.now, message)
            rank = super()._next()
        return rank

    # -------------------------------------------------------------- record

    def trace(self):
        """Return the Trace of all that has happened so far; for the dead, until they died."""
        whole = super().trace()
        if self.counts_only:
            return Trace(self.size, None, None, self.strikes, whole.counts)
        rows = [
            (*row[:5], math.nan, row[6]) if row[5] > self.dead.get(row[1], math.inf) else row
            for row in whole._messages
        ]
        spans = [
            (rank, what, start, min(end, self.dead.get(rank, math.inf)))
            for rank, what, start, end in whole._spans
        ]
        return Trace(self.size, rows, spans, self.strikes)

    def _under_way(self):
        yield from super()._under_way()
        for held in self.held.values():
            yield from (message for _, message in held)


def _cuts(fault, message):
    """Tell whether `fault`, during the call that sends `message`, cuts it off in the middle.

    A rank that stops has given a message up to the eager limit out of its hands.
    """
    return isinstance(fault, Kill | Exit | Raise) or (
        isinstance(fault, Stop) and message.request is not None
    )


class FaultyRoutedWorld(FaultyWorld, RoutedWorld):
    """A world on a Topology with a plan of faults."""

    def _depart(self, time, message):
        message.due = time
        super()._depart(time, message)
