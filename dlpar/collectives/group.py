"""A group: some ranks of a communicator, as if they were alone."""


class Group:
    """A view of `comm` in which `ranks` are ranks 0, 1, ...; this rank must be one of them.

    It costs no message and no resource, where MPI's Split needs all ranks to meet and makes a
    communicator that somebody must free. Messages of different groups between the same two ranks
    are told apart by their order only: use one group at a time.
    """

    def __init__(self, comm, ranks):
        self._comm = comm
        self._ranks = ranks
        self.rank = ranks.index(comm.rank)
        self.size = len(ranks)

    def Send(self, buf, dest):
        """Send to rank `dest` of the group."""
        self._comm.Send(buf, dest=self._ranks[dest])

    def Recv(self, buf, source):
        """Receive from rank `source` of the group."""
        self._comm.Recv(buf, source=self._ranks[source])

    def Sendrecv(self, sendbuf, dest, *, recvbuf, source):
        """Send to `dest` and receive from `source`, ranks of the group, at the same time."""
        to, come = self._ranks[dest], self._ranks[source]
        self._comm.Sendrecv(sendbuf, dest=to, recvbuf=recvbuf, source=come)
