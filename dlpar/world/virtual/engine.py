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

import numpy as np
from greenlet import GreenletExit, getcurrent, greenlet

from dlpar.world.constants import ANY_SOURCE, ANY_TAG, MPIError
from dlpar.world.phantom import NoBytes
from dlpar.world.trace import Trace
from dlpar.world.virtual.deadlock import deadlock
from dlpar.world.virtual.envelope import Envelope, Rendezvous, fits
from dlpar.world.virtual.rank import Rank
from dlpar.world.virtual.waiting import ASLEEP, AnyOf, Probing, Receipt


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
        self.messages: list | deque = []  # rows of the trace, in the order of completion
        self.spans: list | deque = []
        self.counts_only = False
        self.meetings = {}  # (communicator, number of the call) -> collective call under way
        self.busy = {}  # communicator -> when its last non-blocking collective ends, in s
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

    def send(self, comm, dest, tag, view):
        """Put a message on its way; return the Receipt that a rendezvous waits for, or None."""
        me = comm._me
        sent = me.clock
        me.clock = start = sent + self.overhead
        if me.out_free > start:
            start = me.out_free
        nbytes = len(view)
        me.out_free = start + nbytes * self.beta
        order = me.messages_sent
        me.messages_sent = order + 1
        me.bytes_sent += nbytes
        if nbytes <= self.eager_limit:
            envelope, request = Envelope(), None
            envelope.data = view.tobytes()
        else:
            envelope = Rendezvous()
            envelope.data = view
            envelope.request = request = Receipt(
                me, comm._peers, (comm._number, dest, tag), None, sent
            )
            envelope.receipt = None
            envelope.start = start
            request.nbytes = nbytes
        envelope.source, envelope.dest = me, self.ranks[comm._peers[dest]]
        envelope.key = comm._number, comm.rank, tag
        envelope.nbytes, envelope.sent, envelope.order = nbytes, sent, order
        self.at(start + self.alpha, envelope)
        return request

    def _reach(self, envelope):
        """`now`, the first byte of `envelope` is at its receiver's link."""
        if envelope.receipt is not None:  # a rendezvous whose receiver came late
            self._arrive(envelope, envelope.receipt)
            return
        rank, key = envelope.dest, envelope.key
        receipts = rank.posted.get(key)
        receipt = receipts[0] if receipts else None
        if rank.wild:
            for wild in rank.wild:
                if fits(wild.key, key):
                    if receipt is None or wild.order < receipt.order:
                        receipt = wild
                        rank.wild.remove(wild)
                        receipts = None
                    break
        if receipt is None:
            self._keep(envelope)
            return
        if receipts is not None:
            if len(receipts) == 1:
                del rank.posted[key]
            else:
                del receipts[0]
        if envelope.request is not None and receipt.posted > envelope.start:
            self._begin(envelope, receipt)
        else:
            self._arrive(envelope, receipt)

    def _keep(self, envelope):
        """No receive waits for it: the message waits."""
        rank = envelope.dest
        envelope.known = self.now
        if envelope.request is None:
            envelope.known = self._take_in(envelope)
        rank.arrived[envelope] = None
        rank.arrived_by_key.setdefault(envelope.key, deque()).append(envelope)
        if rank.awaits.__class__ is Probing:
            self.wake(rank)

    def _begin(self, envelope, receipt):
        """Start the transfer of a rendezvous, now that its receiver has called."""
        sender, start = envelope.source, receipt.posted
        load = envelope.nbytes * self.beta
        if sender.out_free > envelope.start + load:  # other messages have queued up behind it
            start = max(start, sender.out_free)
        sender.out_free = start + load
        envelope.receipt = receipt
        self.at(start + self.alpha, envelope)

    def _take_in(self, envelope):
        """Pass `envelope`, whose first byte is here `now`, through the link; return when, in s."""
        rank = envelope.dest
        begin = rank.in_free if rank.in_free > self.now else self.now
        rank.in_free = end = begin + envelope.nbytes * self.beta
        return end

    def _arrive(self, envelope, receipt):
        """Take `envelope` in and complete both sides."""
        end = self._take_in(envelope)
        if envelope.request is not None:
            self.settle(envelope.request, end)
        self.complete(envelope, receipt, end)

    def _hand_over(self, envelope, receipt):
        """Complete a receive whose message has been waiting for it."""
        self.complete(envelope, receipt, envelope.known)

    def complete(self, envelope, receipt, end):
        """Put the payload into the receive's buffer: it is there at `end`, or when posted."""
        done = receipt.posted if receipt.posted > end else end
        nbytes, view = envelope.nbytes, receipt.view
        receipt.key, receipt.nbytes, receipt.view = envelope.key, nbytes, None
        if nbytes <= len(view):
            if envelope.data.__class__ is not NoBytes:
                view[:nbytes] = envelope.data
        else:
            receipt.error = MPIError(
                "MPI_ERR_TRUNCATE",
                f"rank {receipt.rank.number} posted a receive of {len(view)} bytes, and rank "
                f"{envelope.source.number} sent {nbytes} with tag {envelope.key[2]}",
            )
        numbers = envelope.source.number, envelope.dest.number, envelope.key[2]
        self.messages.append((*numbers, nbytes, envelope.sent, done, envelope.order))
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
                self._hand_over(envelope, receipt)
            else:
                self._begin(envelope, receipt)
            return
        key = receipt.key
        receipt.order = order = rank.posts
        rank.posts = order + 1
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

    def keep_counts(self):
        """Count messages, and keep no rows of them; only the last span is there to be cut short."""
        self.counts_only = True
        self.messages, self.spans = deque(maxlen=0), deque(maxlen=1)

    def trace(self):
        """Return the Trace of all that has happened so far."""
        if self.counts_only:
            sent = [(rank.messages_sent, rank.bytes_sent) for rank in self.ranks]
            return Trace(self.size, None, None, counts=np.array(sent, np.int64).T)
        lost = [envelope.row(math.nan) for envelope in dict.fromkeys(self._under_way())]
        return Trace(self.size, [*self.messages, *lost], self.spans)

    def _under_way(self):
        """Yield the messages that no receive has completed, some of them twice."""
        for rank in self.ranks:
            yield from rank.arrived
        for bucket in self.buckets.values():
            yield from (event for event in bucket if isinstance(event, Envelope))
