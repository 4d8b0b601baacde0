"""The traced communicator whose operations a plan of faults can strike: each is carried out."""

from functools import partial

from dlpar.world.constants import UNDEFINED
from dlpar.world.faults import OPERATIONS, Raise
from dlpar.world.real import board
from dlpar.world.real.mpi import MPI
from dlpar.world.real.requests import TracedRequest
from dlpar.world.real.striker import done
from dlpar.world.real.traced import TracedComm

COLLECTIVES = (
    *("Barrier", "Bcast", "Reduce", "Allreduce", "Gather", "Gatherv", "Scatter", "Scatterv"),
    *("Allgather", "Allgatherv", "Alltoall", "Alltoallv"),
)
# Begun in one part: MPI has no non-blocking form of most.
ENTERED = ("Probe", "Split", "Dup", "Create_cart", "Sub", "Shrink", "Agree", "Revoke")


class BegunComm:
    """mpi4py's communicator, each call in two parts: what is planned during it comes between.

    A Raise comes before the first part, so that the call is undone and can be made again.
    """

    def __init__(self, comm, striker):
        self._plain = comm
        self._striker = striker

    def __getattr__(self, name):
        """All else is mpi4py's."""
        return getattr(self._plain, name)

    def Send(self, buf, dest, tag):
        """See mpi4py."""
        self._in_two(None, [partial(self._plain.Isend, buf, dest, tag)])

    def Recv(self, buf, source, tag, status):
        """See mpi4py."""
        self._in_two(status, [], partial(self._plain.Irecv, buf, source, tag))

    def Sendrecv(self, sendbuf, dest, sendtag, recvbuf, source, recvtag, status):
        """See mpi4py."""
        receive = partial(self._plain.Irecv, recvbuf, source, recvtag)
        self._in_two(status, [partial(self._plain.Isend, sendbuf, dest, sendtag)], receive)

    def _in_two(self, status, others, receive=None):
        self._striker.midway(Raise)
        receipt = receive and receive()
        requests = [post() for post in others]
        self._striker.midway()
        try:
            for request in filter(None, (receipt, *requests)):
                self._striker.await_done(request)
        except BaseException:
            if receipt:
                withdraw(receipt)
            _under_way.extend(zip(requests, others, strict=True))
            raise
        if receipt:
            receipt.Wait(status)
        for request in requests:
            request.Wait()  # Waitall would hide the class of an error


_under_way: list = []  # (request, what it was made of): sends of calls that were left in the middle


def withdraw(receipt):
    """Take back a receive; if its message has come, that is lost: MPI takes back no more."""
    if receipt != MPI.REQUEST_NULL:
        receipt.Cancel()
        receipt.Wait()


def _two_parts(name):
    def call(self, *args):
        self._in_two(None, [partial(getattr(self._plain, f"I{name.lower()}"), *args)])

    return call


def _entered(name):
    def call(self, *args):
        self._striker.midway()
        return getattr(self._plain, name)(*args)

    return call


def _started(name):
    def call(self, *args):
        self._striker.midway(Raise)
        return getattr(self._plain, name)(*args)

    return call


for _names, _make in (
    (COLLECTIVES, _two_parts),
    (ENTERED, _entered),
    (("Isend", "Irecv", "Iallreduce", "Iprobe"), _started),
):
    for _name in _names:
        setattr(BegunComm, _name, _make(_name))


class FaultyRequest(TracedRequest):
    """A request whose end can be struck."""

    __slots__ = ()

    def Wait(self, status=None):
        """See mpi4py."""
        if self not in self._comm.pending:
            return super().Wait(status)
        return self._comm.striker.carry_out("Wait", partial(self._wait, status))

    def _wait(self, status):
        striker = self._comm.striker
        self._comm._stand(self._code, self._peer, self._tag)
        try:
            striker.midway()
            striker.await_done(self._request)
        except BaseException:
            self._comm.pending.discard(self)
            self._comm._slot[board.WHAT] = 0
            if self._line is not None:
                withdraw(self._request)
            else:
                _under_way.append((self._request, self))
            raise
        return super().Wait(status)

    def Test(self, status=None):
        """See mpi4py."""
        if self in self._comm.pending and not done(self._request):
            return False
        return self.Wait(status)

    @classmethod
    def Waitany(cls, requests, status=None):
        """See mpi4py."""
        active = [request for request in requests if request in request._comm.pending]
        if not active:
            return UNDEFINED
        first = active[0]
        first._comm._stand(board.CODE["Waitany"], first._peer, first._tag, len(requests))
        while not (ready := [request for request in active if done(request._request)]):
            pass
        first._comm._slot[board.WHAT] = 0
        ready[0].Wait(status)
        return requests.index(ready[0])


class FaultyTracedComm(TracedComm):
    """A communicator whose operations the plan can strike."""

    Request = FaultyRequest

    def __init__(self, comm, log, key=(), members=None):
        """See `TracedComm`; the log knows what strikes."""
        super().__init__(comm, log, key, members)
        self.striker = log.striker
        self._comm = BegunComm(comm, log.striker)

    def declare_work(self, seconds, flops):
        """Let the time pass that work takes longer on a rank that is slowed."""
        self.striker.work(seconds, flops)


def _carried_out(name):
    def operation(self, *args, **kwargs):
        call = partial(getattr(super(FaultyTracedComm, self), name), *args, **kwargs)
        return self.striker.carry_out(name, call)

    return operation


for _name in OPERATIONS:
    if hasattr(TracedComm, _name):
        setattr(FaultyTracedComm, _name, _carried_out(_name))
