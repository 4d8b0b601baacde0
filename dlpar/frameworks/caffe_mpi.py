"""Caffe-MPI (Inspur): first a master that collects all gradients, then a ring; data read ahead.

Its numbers come from the vendor and are no gate here: what is counted is what each way must send.
"""

from dlpar.collectives import ring_allreduce, root_allreduce
from dlpar.data_parallel import descend_together
from dlpar.world import work

EXCHANGES = {"master": root_allreduce, "ring": ring_allreduce}


def caffe_mpi(model, x, y, b, updates, lr, comm, rng, exchange="ring"):
    """Train synchronously; `exchange` is "master" (early versions) or "ring". Yields the losses.

    Arguments as of `descend_together`.
    """
    if exchange not in EXCHANGES:
        raise ValueError(f"exchange must be one of {', '.join(EXCHANGES)}, got {exchange!r}")
    return descend_together(model, x, y, b, updates, lr, comm, rng, EXCHANGES[exchange])


def read_ahead(comm, batches, read_seconds, train_seconds, nbytes=0, ahead=True):
    """Let rank 1 read `batches` batches and rank 0 train on them, in simulated time.

    ahead : whether rank 1 reads the next while rank 0 trains; if not, it reads when asked.
    A message that is handed over carries `nbytes` of data. With `ahead` a step takes the longer
    of reading and training, without it their sum.
    """
    batch = bytearray(nbytes)
    for _ in range(batches):
        if comm.rank == 1:
            if not ahead:
                comm.Recv(bytearray(0), source=0)
            work(comm, seconds=read_seconds)
            comm.Send(batch, dest=0)
        elif comm.rank == 0:
            if not ahead:
                comm.Send(b"", dest=1)
            comm.Recv(batch, source=1)
            work(comm, seconds=train_seconds)
