"""mpi4py's communicator behind the words of `dlpar.world`, with a log of what each rank did."""

import re
import struct
from time import perf_counter

import numpy as np

from dlpar.world.buffers import byte_view, flat_array
from dlpar.world.constants import (
    ANY_SOURCE,
    ANY_TAG,
    PROC_NULL,
    SUM,
    UNDEFINED,
    MPIError,
)
from dlpar.world.real import board
from dlpar.world.real.collectives import TracedCollectives, mpi_buffer, mpi_op
from dlpar.world.real.mpi import MPI
from dlpar.world.real.requests import FROM_MPI, TO_MPI, TracedRequest, fill
from dlpar.world.real.surviving import SurvivingCalls

_ERRORS = {
    getattr(MPI, name): f"MPI_{name}" for name in dir(MPI) if name.startswith("ERR_")
}  # MPI error class -> its name


_show = struct.Struct("5q").pack_into
_FIRST = 8 * board.WHAT  # byte of the slot where what is shown begins
_SEND, _RECV, _SENDRECV, _PROBE = (board.CODE[c] for c in ("Send", "Recv", "Sendrecv", "Probe"))
_WAIT_ALLREDUCE = board.CODE["Wait for Iallreduce"]
_WAIT_SEND, _WAIT_RECV = board.CODE["Wait for Isend"], board.CODE["Wait for Irecv"]


class TracedComm(TracedCollectives, SurvivingCalls):
    """mpi4py's buffer interface over `comm`; every call is logged and shown on the board.

    A call of MPI's that fails raises `MPIError`; what mpi4py itself refuses (TypeError,
    ValueError, BufferError...) passes through.
    """

    Request = TracedRequest  # the class of what Isend, Irecv and Iallreduce return

    def __init__(self, comm, log, key=(), members=None):
        """Wrap `comm`, whose ranks are the ranks `members` of the run."""
        self._comm = comm
        self._log = log
        self._spans = log.spans
        self._slot = log.slot
        self._met = MPI.Status()
        self._splits = self._shrinks = 0
        self.rank = comm.Get_rank()
        self.size = comm.Get_size()
        self.key = key  # the same on all members, different for each communicator of a call
        self.members = list(range(self.size)) if members is None else members
        self.sends = []  # (dest, tag, nbytes, time of the call)
        self.receives = []  # [source, tag, time of completion], in posting order; None: not yet
        self.pending = set()  # requests not seen complete
        log.comms.append(self)

    def Get_rank(self):
        """Return this rank."""
        return self.rank

    def Get_size(self):
        """Return how many ranks there are."""
        return self.size

    # Point to point: a few extra microseconds a message are all that a trace may cost, so these
    # five spell out what `_collective` does for the others.

    def Send(self, buf, dest, tag=0):
        """See mpi4py."""
        start = self._stand(_SEND, dest, tag)
        try:
            self._comm.Send(buf, TO_MPI.get(dest, dest), tag)
        except MPI.Exception as error:
            raise self._named(error) from None
        finally:
            self._slot[board.WHAT] = 0
        self._spans.append(("Send", start, perf_counter()))
        if dest != PROC_NULL:
            self.sends.append((dest, tag, _nbytes(buf), start))

    def Recv(self, buf, source=ANY_SOURCE, tag=ANY_TAG, status=None):
        """See mpi4py."""
        met = self._met
        start = self._stand(_RECV, source, tag)
        try:
            self._comm.Recv(buf, TO_MPI.get(source, source), tag, met)
        except MPI.Exception as error:
            raise self._named(error) from None
        finally:
            self._slot[board.WHAT] = 0
        self._received("Recv", start, met, status)

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
        """See mpi4py."""
        met = self._met
        to, there = TO_MPI.get(dest, dest), TO_MPI.get(source, source)
        start = self._stand(_SENDRECV, dest, source, recvtag)
        try:
            self._comm.Sendrecv(sendbuf, to, sendtag, recvbuf, there, recvtag, met)
        except MPI.Exception as error:
            raise self._named(error) from None
        finally:
            self._slot[board.WHAT] = 0
        if dest != PROC_NULL:
            self.sends.append((dest, sendtag, _nbytes(sendbuf), start))
        self._received("Sendrecv", start, met, status)

    def Sendrecv_replace(
        self, buf, dest, sendtag=0, source=ANY_SOURCE, recvtag=ANY_TAG, status=None
    ):
        """See mpi4py."""
        self.Sendrecv(flat_array(buf).copy(), dest, sendtag, buf, source, recvtag, status)

    def Isend(self, buf, dest, tag=0):
        """See mpi4py."""
        start = perf_counter()
        try:
            request = self._comm.Isend(buf, TO_MPI.get(dest, dest), tag)
        except MPI.Exception as error:
            raise self._named(error) from None
        if dest != PROC_NULL:
            self.sends.append((dest, tag, _nbytes(buf), start))
        return self.Request(request, self, _WAIT_SEND, dest, tag, None)

    def Irecv(self, buf, source=ANY_SOURCE, tag=ANY_TAG):
        """See mpi4py."""
        try:
            request = self._comm.Irecv(buf, TO_MPI.get(source, source), tag)
        except MPI.Exception as error:
            raise self._named(error) from None
        line = [None, tag, None]
        self.receives.append(line)
        return self.Request(request, self, _WAIT_RECV, source, tag, line)

    def Probe(self, source=ANY_SOURCE, tag=ANY_TAG, status=None):
        """See mpi4py."""
        start = self._stand(_PROBE, source, tag)
        there = TO_MPI.get(source, source)
        found = self._logged("Probe", start, self._comm.Probe, there, tag, self._met)
        if status is not None:
            fill(status, self._met)
        return found

    def Iprobe(self, source=ANY_SOURCE, tag=ANY_TAG, status=None):
        """See mpi4py."""
        try:
            found = self._comm.Iprobe(TO_MPI.get(source, source), tag, self._met)
        except MPI.Exception as error:
            raise self._named(error) from None
        if found and status is not None:
            fill(status, self._met)
        return found

    # Collectives that are no plain call.

    def Iallreduce(self, sendbuf, recvbuf, op=SUM):
        """See mpi4py."""
        try:
            request = self._comm.Iallreduce(mpi_buffer(sendbuf), recvbuf, mpi_op(op))
        except MPI.Exception as error:
            raise self._named(error) from None
        return self.Request(request, self, _WAIT_ALLREDUCE, 0, 0, None)

    def Dup(self):
        """See mpi4py."""
        return self._made("Dup", 0, self._comm.Dup)

    def Free(self):
        """Do nothing: communicators are freed when the call of `run` ends."""

    def Create_cart(self, dims, periods=None, reorder=False):
        """See mpi4py; never reorders. None on a rank that is too many, as `Split` has it."""
        return self._made("Create_cart", 0, self._comm.Create_cart, dims, periods, False)

    def Sub(self, remain_dims):
        """See mpi4py."""
        kept = zip(self._comm.coords, remain_dims, strict=True)
        rest = tuple(c for c, keep in kept if not keep)
        return self._made("Sub", rest, self._comm.Sub, remain_dims)

    def __getattr__(self, name):
        """What a grid knows of itself, mpi4py tells."""
        if name in ("dims", "periods", "coords", "Get_coords", "Get_cart_rank"):
            return getattr(self._comm, name)
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def Shift(self, direction, disp):
        """See mpi4py."""
        return tuple(FROM_MPI.get(r, r) for r in self._comm.Shift(direction, disp))

    def Split(self, color=0, key=0):
        """See mpi4py; None for color UNDEFINED, where mpi4py has COMM_NULL."""
        if color < 0 and color != UNDEFINED:  # not every MPI looks
            rank = self.members[self.rank]
            raise MPIError("MPI_ERR_ARG", f"rank {rank}: a color is at least 0, not {color}")
        there = MPI.UNDEFINED if color == UNDEFINED else color
        return self._made("Split", color, self._comm.Split, there, key)

    def _made(self, call, color, method, *args):
        """Return the communicator that `call` makes, wrapped; None for COMM_NULL."""
        comm = self._collective(call, None, method, *args)
        self._splits += 1
        if comm == MPI.COMM_NULL:
            return None
        return self._wrapped(comm, (self._splits, color))

    def _wrapped(self, comm, key):
        ranks = comm.Get_group().Translate_ranks(None, self._comm.Get_group())
        members = [self.members[r] for r in ranks]
        return type(self)(comm, self._log, (*self.key, *key), members)

    # How a call is made.

    def _stand(self, code, a=0, b=0, c=0):
        """Show on the board that this rank waits in call `code`; return the time, in s."""
        group = 0
        if self.key:
            group = self.size
            a, b = self._in_world(code, a, b)
        try:  # noqa: SIM105, contextlib.suppress would cost half a microsecond
            _show(self._slot, _FIRST, code, a, b, c, group)
        except struct.error:  # an argument is no int: mpi4py will say so
            pass
        return perf_counter()

    def _in_world(self, code, a, b):
        """Return the first two arguments of a call, its ranks as ranks of the run."""
        both = code == _SENDRECV
        ranks = [a, b] if both else [a]
        known = [self.members[r] if r in range(self.size) else r for r in ranks]
        return known if both else (*known, b)

    def _collective(self, what, root, call, *args):
        start = self._stand(board.CODE[what], *([] if root is None else [root]))
        return self._logged(what, start, call, *args)

    def _logged(self, what, start, call, *args):
        """Call, and log the span since `start`."""
        try:
            value = call(*args)
        except MPI.Exception as error:
            raise self._named(error) from None
        finally:
            self._slot[board.WHAT] = 0
        self._spans.append((what, start, perf_counter()))
        return value

    def _received(self, what, start, met, status):
        end = perf_counter()
        self._spans.append((what, start, end))
        source = met.source
        if source != MPI.PROC_NULL:
            self.receives.append((source, met.tag, end))
        if status is not None:
            fill(status, met)

    def _named(self, error):
        """Return the MPIError that tells of mpi4py's `error`."""
        rank = self.members[self.rank]
        name = _ERRORS.get(error.Get_error_class(), "MPI_ERR_UNKNOWN")
        said = error.Get_error_string().splitlines()[-1]  # MPICH's last line says most
        said = re.sub(r"^\w+(\(\d+\))?: ", "", said)  # Open MPI's class, MPICH's function
        where = f" in {board.call(self._slot)}" if self._slot[board.WHAT] else ""
        return MPIError(name, f"rank {rank}: {said}{where}")


def _nbytes(buf):
    return buf.nbytes if isinstance(buf, np.ndarray) else len(byte_view(buf))
