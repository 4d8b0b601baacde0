"""A communicator that checks MPI's promise: each message once, in order, whole.

MPI promises it, and the collectives of this book rely on it: where a message comes twice, a plain
ring takes the copy for the next chunk and returns a wrong sum without a word. A stamp of 16 bytes
on each message, its number among those from this rank to that one, makes it heard.
"""

import contextlib
from typing import Any, NamedTuple

import numpy as np

from dlpar.resilience.recovery import is_death
from dlpar.world import ANY_SOURCE, ANY_TAG, MPIError

STAMP = 16  # bytes: the message's number and its size, int64 each


class Guarded:
    """`comm` with a stamp on each message of Send, Recv and Sendrecv; all ranks use one.

    What comes twice is dropped. Where a number is left out, or a size is another, MPIError
    MPI_ERR_OTHER names rank, operation and peer; whatever else a call raises gets a note that
    does. Receives name their source. Other calls are the communicator's own.
    Cost: 16 bytes and one copy a message.
    """

    def __init__(self, comm):
        self.comm, self.rank, self.size = comm, comm.rank, comm.size
        self.sent = [0] * comm.size  # messages so far, by receiver
        self.taken = [0] * comm.size  # by sender

    def __getattr__(self, name):
        return getattr(self.comm, name)

    def Send(self, buf, dest, tag=0):
        """See mpi4py."""
        with self._named(f"Send to {dest}"):
            self.comm.Send(self._stamped(buf, dest), dest, tag)

    def Recv(self, buf, source=ANY_SOURCE, tag=ANY_TAG, status=None):
        """See mpi4py; without ANY_SOURCE."""
        with self._named(f"Recv from {source}"):
            inbox = self._inbox(buf, source)
            self.comm.Recv(inbox, source, tag, status)
            self._take(inbox, buf, source, tag, status)

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
        """See mpi4py; without ANY_SOURCE."""
        with self._named(f"Sendrecv to {dest} and from {source}"):
            inbox = self._inbox(recvbuf, source)
            stamped = self._stamped(sendbuf, dest)
            self.comm.Sendrecv(stamped, dest, sendtag, inbox, source, recvtag, status)
            self._take(inbox, recvbuf, source, recvtag, status)

    @contextlib.contextmanager
    def _named(self, call):
        try:
            yield
        except Exception as error:
            error.add_note(f"rank {self.rank} in {call}")
            raise

    def _stamped(self, buf, dest):
        data = np.ascontiguousarray(buf).reshape(-1).view(np.uint8)
        stamp = np.array([self.sent[dest], data.size], np.int64).view(np.uint8)
        self.sent[dest] += 1
        return np.concatenate([stamp, data])

    def _inbox(self, buf, source):
        if not 0 <= source < self.size:
            raise ValueError(f"a guarded receive names its source, got {source!r}")
        return np.empty(STAMP + max(buf.nbytes, 8), np.uint8)

    def _take(self, inbox, buf, source, tag, status):
        """Put the next message from `source` into `buf`: the one in `inbox`, unless it is old."""
        while (number := int(inbox[:8].view(np.int64)[0])) < self.taken[source]:
            self.comm.Recv(inbox, source, tag, status)
        size = int(inbox[8:STAMP].view(np.int64)[0])
        if number > self.taken[source]:
            raise self._error(f"message {number} from rank {source}, {self.taken[source]} was due")
        if size != buf.nbytes:
            raise self._error(f"{size} bytes from rank {source}, {buf.nbytes} were due")
        self.taken[source] += 1
        buf.reshape(-1).view(np.uint8)[:] = inbox[STAMP : STAMP + size]

    def _error(self, words):
        return MPIError("MPI_ERR_OTHER", f"rank {self.rank}: {words}")


class Outliving:
    """`comm` of a world with `ulfm=True`, for `serve_reliably` and its clients: who dies is silent.

    They find out by themselves whom not to wait for, and go to a replica; so to them a death is
    only that nothing comes. Anything else that a call raises gets a note with rank and peer.
    """

    def __init__(self, comm):
        self.comm, self.rank, self.size = comm, comm.rank, comm.size

    def __getattr__(self, name):
        return getattr(self.comm, name)

    def Isend(self, buf, dest, tag=0):
        """See mpi4py."""
        call = f"Isend to {dest}"
        return _Silent(self, call, self._outlived(call, self.comm.Isend, buf, dest, tag))

    def Irecv(self, buf, source=ANY_SOURCE, tag=ANY_TAG):
        """See mpi4py."""
        call = f"Irecv from {source}"
        return _Silent(self, call, self._outlived(call, self.comm.Irecv, buf, source, tag))

    def Iprobe(self, source=ANY_SOURCE, tag=ANY_TAG, status=None):
        """See mpi4py."""
        return bool(self._outlived(f"Iprobe from {source}", self.comm.Iprobe, source, tag, status))

    def _outlived(self, call, function, *args):
        """Return `function(*args)`, or None if it says that somebody died."""
        try:
            return function(*args)
        except Exception as error:
            if not is_death(error):
                error.add_note(f"rank {self.rank} in {call}")
                raise
            self.comm.Ack_failed()  # receives from any rank go on
            return None


class _Silent(NamedTuple):
    """A request whose other side may be dead: then it is never done."""

    comm: Any
    call: str
    request: Any

    def Test(self, status=None):
        """See mpi4py."""
        if self.request is None:
            return False
        return bool(self.comm._outlived(self.call, self.request.Test, status))


def guarded(exchange):
    """Return `exchange`, an exchanger, with a guard around the communicator it is called with."""
    guards = {}  # a guard's counts go with its communicator

    def guarded_exchange(grads, comm):
        if comm not in guards:
            guards[comm] = Guarded(comm)
        return exchange(grads, guards[comm])

    return guarded_exchange
