"""Whatever call a rank of `run` waits in, the board names it, its peer and its tag meanwhile."""

from types import SimpleNamespace

import numpy as np
import pytest

from dlpar.world import ANY_SOURCE
from dlpar.world.real import board
from dlpar.world.real.mpi import MPI
from dlpar.world.real.traced import TracedComm


class Listener:
    """Stands in for mpi4py's communicator: whatever is called notes what the board says."""

    def __init__(self):
        self.slot = memoryview(bytearray(8 * board.WORDS)).cast("q")
        self.said = []
        self.COMM_NULL = MPI.COMM_NULL

    def Get_rank(self):
        return 1

    def Get_size(self):
        return 2

    def __getattr__(self, name):
        def call(*args):
            self.said.append(board.stands(self.slot))
            return self if name in ("Isend", "Irecv", "Iallreduce") else MPI.COMM_NULL

        return call


X = np.zeros(2)
CALLS = {
    "Send(dest=0, tag=3)": lambda c: c.Send(X, 0, 3),
    "Recv(source=0, tag=3)": lambda c: c.Recv(X, 0, 3),
    "Recv(source=ANY_SOURCE, tag=ANY_TAG)": lambda c: c.Recv(X),
    "Sendrecv(dest=0, source=ANY_SOURCE, recvtag=4)": lambda c: c.Sendrecv(
        X, 0, 3, X.copy(), ANY_SOURCE, 4
    ),
    "Sendrecv(dest=0, source=0, recvtag=5)": lambda c: c.Sendrecv_replace(X, 0, 3, 0, 5),
    "Wait for Isend(dest=0, tag=3)": lambda c: c.Isend(X, 0, 3).Wait(),
    "Wait for Irecv(source=0, tag=3)": lambda c: c.Irecv(X, 0, 3).Wait(),
    "Wait for Irecv(source=0, tag=6)": lambda c: (r := c.Irecv(X, 0, 6)).Waitall([r]),
    "Wait for Iallreduce()": lambda c: c.Iallreduce(X, X).Wait(),
    "Probe(source=0, tag=3)": lambda c: c.Probe(0, 3),
    "Barrier()": lambda c: c.Barrier(),
    "Bcast(root=1)": lambda c: c.Bcast(X, 1),
    "Reduce(root=1)": lambda c: c.Reduce(X, X, root=1),
    "Allreduce()": lambda c: c.Allreduce(X, X),
    "Gather(root=1)": lambda c: c.Gather(X, X, 1),
    "Gatherv(root=1)": lambda c: c.Gatherv(X, X, 1),
    "Scatter(root=1)": lambda c: c.Scatter(X, X, 1),
    "Scatterv(root=1)": lambda c: c.Scatterv(X, X, 1),
    "Allgather()": lambda c: c.Allgather(X, X),
    "Allgatherv()": lambda c: c.Allgatherv(X, X),
    "Alltoall()": lambda c: c.Alltoall(X, X),
    "Alltoallv()": lambda c: c.Alltoallv(X, X),
    "Split()": lambda c: c.Split(),
    "Dup()": lambda c: c.Dup(),
    "Create_cart()": lambda c: c.Create_cart([2]),
    "Agree()": lambda c: c.Agree(1),
}


@pytest.mark.parametrize("said", CALLS)
def test_a_rank_that_waits_says_in_which_call(said):
    listener = Listener()
    log = SimpleNamespace(slot=listener.slot, spans=[], comms=[])
    comm = TracedComm(listener, log)
    CALLS[said](comm)
    assert listener.said[-1] == f"waits in {said}"
    assert board.stands(listener.slot) == "computes, in no MPI call"


def test_no_call_is_forgotten():
    tried = {said.split("(")[0] for said in CALLS}
    # Of mpi4py's own classes: in test_deadlock, test_programs, test_run_faults.
    untried = {"Waitany", "Sub", "Shrink"}
    assert tried | untried == set(board.CALLS)


@pytest.mark.parametrize("call", ["Recv", "Send", "Bcast", "Sendrecv"])
def test_in_a_group_ranks_are_those_of_the_run(call):
    listener = Listener()
    log = SimpleNamespace(slot=listener.slot, spans=[], comms=[])
    comm = TracedComm(listener, log, key=(1, 0), members=[7, 9])
    if call == "Sendrecv":
        comm.Sendrecv(X, 0, 0, X.copy(), 1, 0)
        expected = "Sendrecv(dest=7, source=9, recvtag=0)"
    elif call == "Bcast":
        comm.Bcast(X, 1)
        expected = "Bcast(root=9)"
    else:
        getattr(comm, call)(X, 1, 0)
        expected = f"{call}({'dest' if call == 'Send' else 'source'}=9, tag=0)"
    assert listener.said[-1] == f"waits in {expected} on a Split of 2 ranks"
