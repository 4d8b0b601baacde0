"""The simulated world: ranks as greenlets, messages as events on a virtual time.

A rank runs until it must wait, and may be ahead of the others: its own clock says how far. What
touches another rank happens in events (the first byte of a message reaches its receiver's link),
and events are taken in the order of virtual time. So what arrives first is received first, however
the ranks took turns. Nothing else orders anything, hence the same program gives the same bits.
"""

import contextvars
import gc
import math
from collections import deque
from heapq import heappop, heappush

from greenlet import GreenletExit, getcurrent, greenlet

from dlpar.world.constants import ANY_SOURCE, ANY_TAG, MPIError
from dlpar.world.trace import Trace
from dlpar.world.virtual.deadlock import deadlock
from dlpar.world.virtual.envelope import fits
from dlpar.world.virtual.waiting import ASLEEP, AnyOf, Probing


class Rank:
    """One rank: its clock, its two links, the messages that wait for it, and what it awaits."""

    __slots__ = (
        "arrived",
        "arrived_by_key",
        "awaits",
        "clock",
        "fate",
        "finished",
        "greenlet",
        "in_free",
        "number",
        "out_free",
        "posted",
        "posts",
        "result",
        "speed",
        "wild",
    )

    def __init__(self, number):
        self.number = number
        self.clock = 0.0  # s
        self.speed = 1.0  # of work, against the declared one: a straggler's is below 1
        self.out_free = 0.0  # s, when the outgoing link has sent all it was given
        self.in_free = 0.0  # s, the same for the incoming link
        self.posted = {}  # (communicator, source, tag) -> receives that wait for a message
        self.wild = []  # receives from ANY_SOURCE or with ANY_TAG, in the order of posting
        self.posts = 0  # how many receives were posted so far
        self.arrived_by_key = {}  # (communicator, source, tag) -> messages that wait for a receive
        self.arrived = {}  # the same messages in the order of arrival: a dict as an ordered set
        self.awaits = None  # what the rank is blocked in: see waiting.py, or a Meeting
        self.greenlet: greenlet
        self.finished = False
        self.fate = "has finished"  # of a rank that will do nothing more, in words
        self.result = None


class World:
    """All ranks, the events to come, and what has been recorded."""

    def __init__(self, size, network):
        self.size = size
        self.network = network
        self.alpha, self.beta = network.alpha, network.beta
        self.overhead, self.eager_limit = network.overhead, network.eager_limit
        self.ranks = [Rank(r) for r in range(size)]
        self.ready = deque()  # ranks that may run on
        # Events by time. Ranks in step share a time, and so one entry of the heap.
        self.times = []
        self.buckets = {}
        self.now = 0.0
        self.messages = []  # rows of the trace, in the order of sending; None until received
        self.spans = []
        self.meetings = {}  # (communicator, number of the call) -> collective call under way
        self.communicators = 1
        self.failure = None  # (rank, exception), of the first rank that raised
        self.over = False
        self.running = None

    def start(self, rank, life):
        """Let `rank` live `life()` once the world runs."""

        def live():
            try:
                self.hub.switch()  # started; a life begins at its rank's first turn
                rank.result = life()
            except GreenletExit:
                return
            except SystemExit as error:
                self._fail(rank, RuntimeError(f"rank {rank.number} called sys.exit({error.code})"))
            except BaseException as error:
                self._fail(rank, error)
            rank.finished = True

        rank.greenlet = greenlet(live)
        rank.greenlet.gr_context = contextvars.copy_context()  # numpy's errstate, for one
        self.ready.append(rank)

    def _fail(self, rank, error):
        if self.failure is None:
            self.failure = (rank, error)

    def run(self):
        """Run until all ranks are done. Raise what the first failing rank raised, or Deadlock."""
        self.hub = getcurrent()
        # All start here, since a greenlet takes on the depth of recursion that it is started at.
        for rank in self.ranks:
            rank.greenlet.switch()
        # Messages in flight are young objects that live on for a while: with a thousand ranks the
        # collector's usual 700 would have it look at all of them several times. Nothing is lost.
        thresholds = gc.get_threshold()
        gc.set_threshold(max(100_000, thresholds[0]), *thresholds[1:])
        try:
            while self.failure is None and (rank := self._next()) is not None:
                self.running = rank
                rank.greenlet.switch()
            if self.failure is None and not all(rank.finished for rank in self.ranks):
                raise deadlock(self)
        finally:
            gc.set_threshold(*thresholds)
            self._end_all()
        if self.failure is not None:
            rank, error = self.failure
            if isinstance(error, Exception):
                where = f"rank {rank.number} of {self.size}"
                error.add_note(f"raised by {where} at {rank.clock:.9g} s of virtual time")
            raise error

    def _end_all(self):
        self.over = True
        for rank in self.ranks:
            if not rank.greenlet.dead:
                rank.greenlet.throw(GreenletExit)

    def block(self, rank, awaits):
        """Hold the calling rank until it is put on `ready`; others run meanwhile."""
        if self.over:
            raise GreenletExit
        rank.awaits = awaits
        self.hub.switch()

    def _next(self):
        """Take events until a rank may run; return it, or None if nothing is left to happen."""
        ready = self.ready
        while not ready:
            if not self.times:
                return None
            self.now = heappop(self.times)
            # All events of one time before any rank that they wake: ranks in step stay in step.
            for event in self.buckets.pop(self.now):
                if event.__class__ is Rank:
                    self.wake(event)
                else:
                    self._reach(event)
        return ready.popleft()

    def at(self, time, event):
        """Plan an event: an Envelope that reaches its receiver, or a Rank that runs on."""
        bucket = self.buckets.get(time)
        if bucket is None:
            self.buckets[time] = [event]
            heappush(self.times, time)
        else:
            bucket.append(event)

    def sleep(self, rank, time):
        """Hold the calling rank until all that happens before `time` has happened."""
        self.at(time, rank)
        self.block(rank, ASLEEP)

    # ------------------------------------------------------------ messages

    def _reach(self, envelope):
        """`now`, the first byte of `envelope` is at its receiver's link."""
        if envelope.receipt is not None:  # a rendezvous whose receiver came late
            self._arrive(envelope, envelope.receipt)
            return
        rank = envelope.dest
        receipts = rank.posted.get(envelope.key)
        receipt = receipts[0] if receipts else None
        if rank.wild:
            for wild in rank.wild:
                if fits(wild.key, envelope.key):
                    if receipt is None or wild.order < receipt.order:
                        receipt = wild
                        rank.wild.remove(wild)
                        receipts = None
                    break
        if receipt is None:
            self._keep(rank, envelope)
            return
        if receipts is not None:
            if len(receipts) == 1:
                del rank.posted[envelope.key]
            else:
                del receipts[0]
        if envelope.request is not None and receipt.posted > envelope.start:
            self._begin(envelope, receipt)
        else:
            self._arrive(envelope, receipt)

    def _keep(self, rank, envelope):
        """No receive waits for it: the message waits."""
        envelope.known = self.now
        if envelope.request is None:
            envelope.known = self._take_in(rank, envelope)
        rank.arrived[envelope] = None
        rank.arrived_by_key.setdefault(envelope.key, deque()).append(envelope)
        if rank.awaits.__class__ is Probing:
            self.wake(rank)

    def _begin(self, envelope, receipt):
        """Start the transfer of a rendezvous, now that its receiver has called."""
        sender, start = envelope.source, receipt.posted
        load = len(envelope.data) * self.beta
        if sender.out_free > envelope.start + load:  # other messages have queued up behind it
            start = max(start, sender.out_free)
        sender.out_free = start + load
        envelope.receipt = receipt
        self.at(start + self.alpha, envelope)

    def _take_in(self, rank, envelope):
        """Pass `envelope`, whose first byte is here `now`, through the link; return when, in s."""
        begin = rank.in_free if rank.in_free > self.now else self.now
        rank.in_free = end = begin + len(envelope.data) * self.beta
        return end

    def _arrive(self, envelope, receipt):
        """Take `envelope` in and complete both sides."""
        end = self._take_in(envelope.dest, envelope)
        if envelope.request is not None:
            self.settle(envelope.request, end)
        self.complete(envelope, receipt, end)

    def complete(self, envelope, receipt, end):
        """Put the payload into the receive's buffer: it is there at `end`, or when posted."""
        done = receipt.posted if receipt.posted > end else end
        data, view = envelope.data, receipt.view
        receipt.key, receipt.nbytes, receipt.view = envelope.key, len(data), None
        if len(data) == len(view):
            view[:] = data
        elif len(data) < len(view):
            view[: len(data)] = data
        else:
            receipt.error = MPIError(
                "MPI_ERR_TRUNCATE",
                f"rank {receipt.rank.number} posted a receive of {len(view)} bytes, and rank "
                f"{envelope.source.number} sent {len(data)} with tag {envelope.key[2]}",
            )
        numbers = envelope.source.number, envelope.dest.number, envelope.key[2]
        self.messages[envelope.row] = (*numbers, len(data), envelope.sent, done)
        self.settle(receipt, done)

    def settle(self, receipt, time):
        """Call `receipt` done at `time`, and wake its rank if that waits for it."""
        receipt.done = time
        rank = receipt.rank
        if rank.awaits is receipt:
            rank.awaits = None
            self.ready.append(rank)
        elif rank.awaits.__class__ is AnyOf and receipt in rank.awaits.receipts:
            self.wake(rank)

    def wake(self, rank):
        """Let a blocked rank run on."""
        rank.awaits = None
        self.ready.append(rank)

    def post(self, rank, receipt):
        """Post a receive: take the first message that fits, or let it wait for one."""
        if rank.arrived and (envelope := self.first_arrived(rank, receipt.key)) is not None:
            waiting = rank.arrived_by_key[envelope.key]
            if len(waiting) == 1:
                del rank.arrived_by_key[envelope.key]
            else:
                waiting.popleft()  # first_arrived takes a key's messages in order
            del rank.arrived[envelope]
            if envelope.request is None:
                self.complete(envelope, receipt, envelope.known)
            else:
                self._begin(envelope, receipt)
            return
        key = receipt.key
        receipt.order = rank.posts
        rank.posts += 1
        if key[1] == ANY_SOURCE or key[2] == ANY_TAG:
            rank.wild.append(receipt)
        elif key in rank.posted:
            rank.posted[key].append(receipt)
        else:
            rank.posted[key] = [receipt]

    def first_arrived(self, rank, wanted):
        """Return the first message that waits at `rank` and fits `wanted`, or None."""
        if wanted[1] != ANY_SOURCE and wanted[2] != ANY_TAG:
            waiting = rank.arrived_by_key.get(wanted)
            return waiting[0] if waiting else None
        return next((e for e in rank.arrived if fits(wanted, e.key)), None)

    # -------------------------------------------------------------- record

    def trace(self):
        """Return the Trace of all that has happened so far."""
        lost = [e for rank in self.ranks for e in rank.arrived]
        for bucket in self.buckets.values():
            lost += [e for e in bucket if e.__class__ is not Rank]
        rows = self.messages.copy()
        for e in lost:
            numbers = e.source.number, e.dest.number, e.key[2]
            rows[e.row] = (*numbers, e.nbytes, e.sent, math.nan)
        return Trace(self.size, rows, self.spans)
