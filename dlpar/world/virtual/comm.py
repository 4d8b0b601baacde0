"""The communicator of a simulated rank: mpi4py's buffer interface, on the virtual clock."""

import math
import operator

from dlpar.world.buffers import byte_view, flat_array
from dlpar.world.constants import ANY_SOURCE, ANY_TAG, PROC_NULL, SUM, UNDEFINED, MPIError, tell
from dlpar.world.virtual.cartesian import Cartesian
from dlpar.world.virtual.waiting import AnyOf, Part, Probing, Receipt

POLL = 1e-7  # s of virtual time that a Test or Iprobe takes which finds nothing
TAG_MAX = 2**31 - 1  # Open MPI's


class SimComm(Cartesian):
    """A group of simulated ranks, seen by one of them.

    Sends of up to `Network.eager_limit` bytes are copied and return at once; larger ones wait for
    the receiver and return when the message has arrived there. Each takes the network's time.
    """

    def Get_rank(self):
        """Return this rank's number, 0 to size - 1."""
        return self.rank

    def Get_size(self):
        """Return the number of ranks."""
        return self.size

    def declare_work(self, seconds, flops):
        """Move this rank's clock on by `seconds` or `flops` of work, at this rank's speed."""
        me = self._me
        start = me.clock
        nominal = flops / self._world.network.flops if seconds is None else seconds
        me.clock += nominal / me.speed
        self._world.spans.append((me.number, "work", start, me.clock))

    def declare_pause(self, seconds):
        """Move this rank's clock on by `seconds` without work."""
        self._me.clock += seconds

    def read_clock(self):
        """Return this rank's clock, in s of virtual time."""
        return self._me.clock

    # ------------------------------------------------------------- sending

    def Send(self, buf, dest, tag=0):
        """Send; above the eager limit, return only when the message has been received."""
        request = self._launch(buf, dest, tag)
        if request is not None:
            self._finish(request, "Send")

    def Isend(self, buf, dest, tag=0):
        """Start a send; `buf` is not to be changed before the returned request is done."""
        return SimRequest(self, self._launch(buf, dest, tag))

    def _launch(self, buf, dest, tag):
        """Put a message on its way; return the Receipt that a rendezvous waits for, or None."""
        if not (dest.__class__ is int and 0 <= dest < self.size):
            dest = self._checked_rank(dest)
            if dest == PROC_NULL:
                return None
        if not (tag.__class__ is int and 0 <= tag <= TAG_MAX):
            tag = self._checked_tag(tag)
        return self._world.send(self, dest, tag, byte_view(buf))

    # ----------------------------------------------------------- receiving

    def Recv(self, buf, source=ANY_SOURCE, tag=ANY_TAG, status=None):
        """Receive into `buf`, which may be larger than the message."""
        receipt = self._post(buf, source, tag)
        self._finish(receipt, "Recv", status)

    def Irecv(self, buf, source=ANY_SOURCE, tag=ANY_TAG):
        """Start a receive; `buf` holds the message once the returned request is done."""
        return SimRequest(self, self._post(buf, source, tag))

    def Sendrecv(
        self,
        sendbuf,
        dest,
        sendtag=0,
        recvbuf=None,
        source=ANY_SOURCE,
        recvtag=ANY_TAG,
        status=None,
    ):
        """Send and receive at the same time: neither waits for the other."""
        receipt = self._post(recvbuf, source, recvtag)
        request = self._launch(sendbuf, dest, sendtag)
        self._finish(receipt, "Sendrecv", status)
        if request is not None:
            self._finish(request, "Sendrecv")

    def Sendrecv_replace(
        self, buf, dest, sendtag=0, source=ANY_SOURCE, recvtag=ANY_TAG, status=None
    ):
        """Send `buf`, and receive into it what comes."""
        self.Sendrecv(flat_array(buf).copy(), dest, sendtag, buf, source, recvtag, status)

    def _post(self, buf, source, tag):
        """Post a receive; return its Receipt, or None for a receive from PROC_NULL."""
        if not (source.__class__ is int and 0 <= source < self.size) and source != ANY_SOURCE:
            source = self._checked_rank(source)
            if source == PROC_NULL:
                return None
        if not (tag.__class__ is int and 0 <= tag <= TAG_MAX) and tag != ANY_TAG:
            tag = self._checked_tag(tag)
        me = self._me
        key = (self._number, source, tag)
        view = byte_view(buf)
        if view.readonly:
            raise BufferError(f"rank {me.number}: the receive buffer is not writable")
        receipt = Receipt(me, self._peers, key, view, me.clock)
        self._world.post(me, receipt)
        return receipt

    def _finish(self, receipt, call, status=None):
        """Wait until `receipt` is done; move the clock there; raise what went wrong."""
        if receipt is not None:
            me = self._me
            start = me.clock
            if receipt.done is None:
                self._world.block(me, receipt)
            if receipt.done > start:
                me.clock = receipt.done
                self._world.spans.append((me.number, call, start, me.clock))
            if receipt.error is not None:
                raise receipt.error
        if status is not None:
            fill(status, receipt)

    def _gives_up(self, receipt):
        """Tell whether `receipt`, which is not done, never will be, now that a rank has died."""
        return False  # nobody is told of a death, but by ULFM

    # ---------------------------------------------------------- collective

    def Iallreduce(self, sendbuf, recvbuf, op=SUM):
        """Start an Allreduce; neither buffer may be touched before the returned request is done.

        Several on one communicator go one after another, in the order of the calls.
        """
        mine, target = self._reduced_pair(sendbuf, recvbuf)
        meeting = self._come("Iallreduce", (mine, target), mine.nbytes)
        part = Part(self._me, meeting)
        meeting.parts.append(part)
        if len(meeting.brought) == self.size:
            world = self._world
            begin = meeting.end = max(meeting.end, world.busy.get(self._number, 0.0))
            self._hold(meeting, "Allreduce", self._sum_up(op))
            world.busy[self._number] = meeting.end
            world.spans += [(peer, "Iallreduce", begin, meeting.end) for peer in self._peers]
            for part in meeting.parts:
                world.settle(part, meeting.end)
        return SimRequest(self, part)

    # ------------------------------------------------------------- probing

    def Probe(self, source=ANY_SOURCE, tag=ANY_TAG, status=None):
        """Wait until a message that fits is there, without receiving it; return True."""
        wanted = self._wanted(source, tag)
        me, start = self._me, self._me.clock
        world = self._world
        while (envelope := world.first_arrived(me, wanted)) is None or envelope.known == math.inf:
            world.block(me, Probing(me, self._peers, wanted))
        if envelope.known > start:
            me.clock = envelope.known
            self._world.spans.append((me.number, "Probe", start, me.clock))
        if status is not None:
            fill(status, envelope)
        return True

    def Iprobe(self, source=ANY_SOURCE, tag=ANY_TAG, status=None):
        """Tell whether a message that fits is there by now."""
        wanted = self._wanted(source, tag)
        me = self._me
        self._world.sleep(me, me.clock)
        envelope = self._world.first_arrived(me, wanted)
        if envelope is None or envelope.known > me.clock:
            me.clock += POLL
            return False
        if status is not None:
            fill(status, envelope)
        return True

    def _wanted(self, source, tag):
        source = source if source == ANY_SOURCE else self._checked_rank(source)
        return (self._number, source, tag if tag == ANY_TAG else self._checked_tag(tag))

    # ------------------------------------------------------------ checking

    def _checked_rank(self, rank):
        rank = operator.index(rank)
        if not 0 <= rank < self.size and rank != PROC_NULL:
            raise self._error("RANK", f"no rank {rank} among {self.size}")
        return rank

    def _checked_tag(self, tag):
        tag = operator.index(tag)
        if not 0 <= tag <= TAG_MAX:
            raise self._error("TAG", f"a tag is 0 to {TAG_MAX}, not {tag}")
        return tag


class SimRequest:
    """What Isend and Irecv return."""

    def __init__(self, comm, receipt):
        self._comm = comm
        self._receipt = receipt  # None: done from the start, as an eager send is
        self._active = True  # until a call has told the program that it is done

    def _done(self):
        """Return when it was done, in s; infinite if it is not."""
        if self._receipt is None:
            return 0.0
        return math.inf if self._receipt.done is None else self._receipt.done

    def Wait(self, status=None):
        """Wait until it is done; return True."""
        if self._active:
            self._active = False
            try:
                self._comm._finish(self._receipt, "Wait", status)
            except MPIError as error:
                self._active = error.error_class == "MPI_ERR_PROC_FAILED_PENDING"
                raise
        return True

    def Test(self, status=None):
        """Tell whether it is done by now."""
        me = self._comm._me
        if self._active and self._receipt is not None:
            self._comm._world.sleep(me, me.clock)
            if self._done() > me.clock and not self._comm._gives_up(self._receipt):
                me.clock += POLL
                return False
        return self.Wait(status)

    @classmethod
    def Waitall(cls, requests, statuses=None):
        """Wait until all are done; return True."""
        for i, request in enumerate(requests):
            request.Wait(None if statuses is None else statuses[i])
        return True

    @classmethod
    def Waitany(cls, requests, status=None):
        """Wait until one is done; return its index, or UNDEFINED if none is active.

        Of several that are done, the one that was done first.
        """
        active = [request for request in requests if request._active]
        if not active:
            return UNDEFINED
        world, me = active[0]._comm._world, active[0]._comm._me
        soonest = min(request._done() for request in active)
        if soonest == math.inf:
            world.block(me, AnyOf([request._receipt for request in active]))
            soonest = min(request._done() for request in active)
        if soonest > me.clock:  # another may yet be done before that one
            world.sleep(me, soonest)
        first = min(active, key=SimRequest._done)
        first.Wait(status)
        return requests.index(first)


def fill(status, message):
    """Tell `status` what was met: a Receipt or an Envelope, or None for PROC_NULL."""
    if message is None:
        tell(status, PROC_NULL, ANY_TAG, 0)
    else:
        _, source, tag = message.key
        tell(status, source, tag, message.nbytes)
