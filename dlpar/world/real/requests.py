"""mpi4py's requests behind the words of `dlpar.world`."""

from time import perf_counter

from dlpar.world.constants import ANY_SOURCE, PROC_NULL, UNDEFINED, tell
from dlpar.world.real import board
from dlpar.world.real.mpi import MPI

TO_MPI = {ANY_SOURCE: MPI.ANY_SOURCE, PROC_NULL: MPI.PROC_NULL}  # tags agree: ANY_TAG is -1 in all
FROM_MPI = {there: here for here, there in TO_MPI.items()}


class TracedRequest:
    """A request of `Isend` or `Irecv`."""

    __slots__ = ("_code", "_comm", "_line", "_peer", "_request", "_tag")

    def __init__(self, request, comm, code, peer, tag, line):
        """Wrap `request`; `line` is a receive's in the log, None for a send."""
        self._request = request
        self._comm = comm
        self._code = code
        self._peer = peer
        self._tag = tag
        self._line = line
        comm.pending.add(self)

    def Wait(self, status=None):
        """See mpi4py."""
        comm = self._comm
        start = comm._stand(self._code, self._peer, self._tag)
        try:
            self._request.Wait(comm._met)
        except MPI.Exception as error:
            comm.pending.discard(self)
            raise comm._named(error) from None
        finally:
            comm._slot[board.WHAT] = 0
        end = perf_counter()
        comm._spans.append(("Wait", start, end))
        self._done(comm._met, end, status)
        return True

    def Test(self, status=None):
        """See mpi4py."""
        comm = self._comm
        try:
            done = self._request.Test(comm._met)
        except MPI.Exception as error:
            comm.pending.discard(self)
            raise comm._named(error) from None
        if done:
            self._done(comm._met, perf_counter(), status)
        return done

    @classmethod
    def Waitall(cls, requests, statuses=None):
        """See mpi4py."""
        for i, request in enumerate(requests):
            request.Wait(None if statuses is None else statuses[i])
        return True

    @classmethod
    def Waitany(cls, requests, status=None):
        """See mpi4py."""
        if not requests:
            return UNDEFINED
        comm = requests[0]._comm
        plain = [request._request for request in requests]
        first = next((r for r in requests if r in r._comm.pending), requests[0])
        start = first._comm._stand(board.CODE["Waitany"], first._peer, first._tag, len(requests))
        index = comm._logged("Waitany", start, MPI.Request.Waitany, plain, comm._met)
        if index == MPI.UNDEFINED:
            return UNDEFINED
        requests[index]._done(comm._met, perf_counter(), status)
        return index

    def _done(self, met, end, status):
        pending = self._comm.pending
        if self in pending:
            pending.remove(self)
            if self._line is not None and met.source != MPI.PROC_NULL:
                self._line[:] = met.source, met.tag, end
        if status is not None:
            fill(status, met)


def fill(status, met):
    """Copy what mpi4py met into the program's status."""
    source = FROM_MPI.get(met.source, met.source)
    tell(status, source, met.tag, met.Get_count(MPI.BYTE))
