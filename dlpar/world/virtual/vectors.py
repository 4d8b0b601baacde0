"""Collectives whose blocks differ in size: Gatherv, Scatterv, Allgatherv, Alltoallv."""

from dlpar.world.buffers import flat_array, vector_blocks, writable_array
from dlpar.world.constants import is_in_place
from dlpar.world.virtual.collectives import Collectives


class Vectors(Collectives):
    """The collective methods that take `[buffer, counts]` or `[buffer, (counts, displs)]`."""

    def Gatherv(self, sendbuf, recvbuf, root=0):
        """Put rank r's `sendbuf` into the r-th block of root's `recvbuf`."""
        root = self._root(root)
        blocks = vector_blocks(recvbuf, self.size, write=True) if self.rank == root else None
        mine = blocks[root] if blocks and is_in_place(sendbuf) else flat_array(sendbuf)

        def conclude(pairs):
            for (sent, _), block in zip(pairs, pairs[root][1], strict=True):
                self._put(sent, block, root)
            return pairs

        self._meet("Gatherv", (mine, blocks), conclude, mine.nbytes, root)

    def Scatterv(self, sendbuf, recvbuf, root=0):
        """Put the r-th block of root's `sendbuf` into rank r's `recvbuf`."""
        root = self._root(root)
        blocks = vector_blocks(sendbuf, self.size) if self.rank == root else None
        target = blocks[root] if blocks and is_in_place(recvbuf) else writable_array(recvbuf)

        def conclude(pairs):
            for rank, (block, (target, _)) in enumerate(zip(pairs[root][1], pairs, strict=True)):
                self._put(block, target, rank)
            return pairs

        self._meet("Scatterv", (target, blocks), conclude, target.nbytes, root)

    def Allgatherv(self, sendbuf, recvbuf):
        """Put rank r's `sendbuf` into the r-th block of every `recvbuf`."""
        blocks = vector_blocks(recvbuf, self.size, write=True)
        mine = blocks[self.rank] if is_in_place(sendbuf) else flat_array(sendbuf)

        def conclude(pairs):
            for rank, (_, blocks) in enumerate(pairs):
                for (sent, _), block in zip(pairs, blocks, strict=True):
                    self._put(sent, block, rank)
            return pairs

        self._meet("Allgatherv", (mine, blocks), conclude, mine.nbytes)

    def Alltoallv(self, sendbuf, recvbuf):
        """Send the r-th block of `sendbuf` to rank r, which has it as its block of this rank."""
        mine = vector_blocks(sendbuf, self.size)
        target = vector_blocks(recvbuf, self.size, write=True)

        def conclude(pairs):
            for rank, (_, target) in enumerate(pairs):
                for (sent, _), block in zip(pairs, target, strict=True):
                    self._put(sent[rank], block, rank)
            return pairs

        self._meet("Alltoallv", (mine, target), conclude, max(block.nbytes for block in mine))
