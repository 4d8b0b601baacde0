"""mpi4py's collectives behind the words of `dlpar.world`, logged and shown on the board."""

from typing import Any

from dlpar.world.constants import IN_PLACE, SUM, Op
from dlpar.world.real.mpi import MPI

_OPS = {"SUM": MPI.SUM, "PROD": MPI.PROD, "MAX": MPI.MAX, "MIN": MPI.MIN}


class TracedCollectives:
    """What `TracedComm` is built on: the collective methods, over its `_comm` and `_collective`."""

    _comm: Any
    _collective: Any

    def Barrier(self):
        """See mpi4py."""
        self._collective("Barrier", None, self._comm.Barrier)

    def Bcast(self, buf, root=0):
        """See mpi4py."""
        self._collective("Bcast", root, self._comm.Bcast, buf, root)

    def Reduce(self, sendbuf, recvbuf, op=SUM, root=0):
        """See mpi4py."""
        call = self._comm.Reduce
        self._collective("Reduce", root, call, mpi_buffer(sendbuf), recvbuf, mpi_op(op), root)

    def Allreduce(self, sendbuf, recvbuf, op=SUM):
        """See mpi4py."""
        call = self._comm.Allreduce
        self._collective("Allreduce", None, call, mpi_buffer(sendbuf), recvbuf, mpi_op(op))

    def Gather(self, sendbuf, recvbuf, root=0):
        """See mpi4py."""
        self._collective("Gather", root, self._comm.Gather, mpi_buffer(sendbuf), recvbuf, root)

    def Scatter(self, sendbuf, recvbuf, root=0):
        """See mpi4py."""
        self._collective("Scatter", root, self._comm.Scatter, sendbuf, mpi_buffer(recvbuf), root)

    def Allgather(self, sendbuf, recvbuf):
        """See mpi4py."""
        self._collective("Allgather", None, self._comm.Allgather, mpi_buffer(sendbuf), recvbuf)

    def Alltoall(self, sendbuf, recvbuf):
        """See mpi4py."""
        self._collective("Alltoall", None, self._comm.Alltoall, mpi_buffer(sendbuf), recvbuf)

    def Gatherv(self, sendbuf, recvbuf, root=0):
        """See mpi4py."""
        self._collective("Gatherv", root, self._comm.Gatherv, mpi_buffer(sendbuf), recvbuf, root)

    def Scatterv(self, sendbuf, recvbuf, root=0):
        """See mpi4py."""
        self._collective("Scatterv", root, self._comm.Scatterv, sendbuf, mpi_buffer(recvbuf), root)

    def Allgatherv(self, sendbuf, recvbuf):
        """See mpi4py."""
        self._collective("Allgatherv", None, self._comm.Allgatherv, mpi_buffer(sendbuf), recvbuf)

    def Alltoallv(self, sendbuf, recvbuf):
        """See mpi4py."""
        self._collective("Alltoallv", None, self._comm.Alltoallv, sendbuf, recvbuf)


def mpi_op(op):
    """Return mpi4py's operation for `op`, which may be its own already."""
    return _OPS[op.name] if isinstance(op, Op) else op


def mpi_buffer(buf):
    """Return `buf`, or mpi4py's IN_PLACE for ours."""
    return MPI.IN_PLACE if buf is IN_PLACE else buf
