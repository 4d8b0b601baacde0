"""Collectives whose blocks differ in size: Gatherv, Scatterv, Allgatherv, Alltoallv."""

from dlpar.world.buffers import vector_blocks
from dlpar.world.virtual.collectives import Collectives


class Vectors(Collectives):
    """The collective methods that take `[buffer, counts]` or `[buffer, (counts, displs)]`."""

    def Gatherv(self, sendbuf, recvbuf, root=0):
        """Put rank r's `sendbuf` into the r-th block of root's `recvbuf`."""
        root = self._root(root)
        blocks = vector_blocks(recvbuf, self.size, write=True) if self.rank == root else None
        self._gather("Gatherv", sendbuf, blocks, root)

    def Scatterv(self, sendbuf, recvbuf, root=0):
        """Put the r-th block of root's `sendbuf` into rank r's `recvbuf`."""
        root = self._root(root)
        blocks = vector_blocks(sendbuf, self.size) if self.rank == root else None
        self._scatter("Scatterv", blocks, recvbuf, root)

    def Allgatherv(self, sendbuf, recvbuf):
        """Put rank r's `sendbuf` into the r-th block of every `recvbuf`."""
        self._allgather("Allgatherv", sendbuf, vector_blocks(recvbuf, self.size, write=True))

    def Alltoallv(self, sendbuf, recvbuf):
        """Send the r-th block of `sendbuf` to rank r, which has it as its block of this rank."""
        mine = vector_blocks(sendbuf, self.size)
        self._alltoall("Alltoallv", mine, vector_blocks(recvbuf, self.size, write=True))
