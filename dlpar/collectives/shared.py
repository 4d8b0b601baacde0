"""Vectors in memory that all ranks of one host share: summed where they lie, by all at once.

No message carries an element. Each rank adds up one slice of all vectors into one result that
everybody reads, so (p+1) n elements pass through memory, where messages would copy each of them
several times over.
"""

import contextlib
import mmap
import os
import secrets
import tempfile

import numpy as np

from dlpar.collectives.adding import LINE, adder

CACHE = 32 << 20  # bytes that last-level caches hold at most, on most machines
PATH = 1024  # bytes that hold the path of the memory, while it has one


class SharedVectors:
    """One vector a rank and their sum, in memory of this host that every rank can read.

        shared = SharedVectors(comm, grads.size, grads.dtype)
        shared.mine[:] = grads  # or let the model's gradients live in it
        total = shared.allreduce()

    mine : (n,) array, this rank's, to be written.
    vectors : p arrays of shape (n,), read-only: those of all ranks, in rank order.
    total : (n,) array, read-only, the one that all ranks see: the sum that `allreduce` left there.

    All are 0 at first. There is nothing to close: the memory has no name in any file system, and
    goes when the last array in it does, or the last process, however it ends.
    """

    def __init__(self, comm, n, dtype):
        """Share memory with all ranks of `comm`; all of them must call this.

        comm : communicator with `rank`, `size`, `Bcast`, `Allreduce`, `Barrier` (mpi4py's names).
        n : int, at least 0.  dtype : numeric.  Both the same on all ranks.

        Raises ValueError for a wrong `n` or `dtype`, before anything is done, and on all ranks
        where they differ; RuntimeError on all ranks if some are on another host.
        """
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 0:
            raise ValueError(f"SharedVectors needs n as an integer of at least 0, got {n!r}")
        dtype = np.dtype(dtype)
        if dtype.char not in "bBhHiIlLqQfdFD" or not dtype.isnative:
            raise ValueError(f"SharedVectors needs dtype as native integers or floats, got {dtype}")
        p, r = comm.size, comm.rank
        stride = -(-n * dtype.itemsize // LINE) * LINE
        memory = _shared_memory(comm, (p + 1) * stride, n, dtype)
        rows = [np.frombuffer(memory, dtype, n, LINE + k * stride) for k in range(p + 1)]
        self._comm = comm
        self.mine = rows[r]
        self.vectors = [_read_only(row) for row in rows[:p]]
        self.total = _read_only(rows[p])
        per_line = LINE // dtype.itemsize
        first, last = (n // per_line * k // p * per_line for k in (r, r + 1))
        mine = slice(first, last if r < p - 1 else n)  # cache lines have one writer each
        beyond_cache = (p + 1) * stride > CACHE
        self._add_up = adder([row[mine] for row in rows[:p]], rows[p][mine], beyond_cache)

    def allreduce(self):
        """Return `total`, once it is the sum of every rank's `mine` as they are when all have come.

        `mine` may be written again at once; `total` keeps this sum until this rank's next call.

        Bit-identical on all ranks and in every run: each element is added up by one rank, in the
        order of ranks 0, 1, ..., p-1. Raises what `comm.Barrier` raises when a rank does not come.

        Cost: two barriers, and (p+1) n itemsize bytes read or written by all ranks together; no
        message. (In simulation the barriers alone take time: declare the rest with `work`.)
        """
        self._comm.Barrier()  # every vector is complete, and nobody reads the last sum any more
        self._add_up()
        self._comm.Barrier()  # every slice of the sum is complete
        return self.total


def _read_only(array):
    view = array.view()
    view.flags.writeable = False
    return view


def _shared_memory(comm, nbytes, n, dtype):
    """Return LINE + nbytes bytes of zeros that all ranks share; see `SharedVectors` for errors.

    The first line tells a rank that it has opened the right memory, and what rank 0 wants of it.
    """
    path, line = np.zeros(PATH, np.uint8), np.zeros(LINE // 8, np.int64)
    memory, wrong = None, np.zeros(2, np.int64)  # ranks that: want other vectors, are elsewhere
    with contextlib.ExitStack() as named:
        if comm.rank == 0:
            name, memory = named.enter_context(_named_memory(LINE + nbytes))
            path[: len(name)] = list(name)
            line[:3] = secrets.randbits(62), n, dtype.num
            memory[:LINE] = line.tobytes()
        comm.Bcast(path)
        comm.Bcast(line)
        if line[1:3].tolist() != [n, dtype.num]:
            wrong[0] = 1
        elif comm.rank:
            with contextlib.suppress(OSError, ValueError):
                memory = _opened(path.tobytes().rstrip(b"\0"), LINE + nbytes)
            wrong[1] = memory is None or memory[:LINE] != line.tobytes()
        votes = wrong.copy()
        comm.Allreduce(wrong, votes)  # here rank 0 learns that all have it open
    if votes[0]:
        raise ValueError(
            f"SharedVectors needs the same n and dtype on all ranks: here {n} of {dtype}, which "
            f"{votes[0]} of {comm.size} ranks have otherwise than rank 0"
        )
    if votes[1]:
        raise RuntimeError(
            f"SharedVectors needs all ranks on one host: {votes[1]} of {comm.size} cannot open "
            "the memory of rank 0"
        )
    return memory


@contextlib.contextmanager
def _named_memory(nbytes):
    """Make memory of `nbytes` zeros; yield (path, memory): others can open it in the block only."""
    with contextlib.ExitStack() as made:
        if hasattr(os, "memfd_create"):  # Linux: even a killed process leaves nothing behind
            fd = os.memfd_create("dlpar")
            name = f"/proc/{os.getpid()}/fd/{fd}"
        else:
            fd, name = tempfile.mkstemp(prefix="dlpar-")
            made.callback(os.unlink, name)
        made.callback(os.close, fd)
        os.truncate(fd, nbytes)
        yield os.fsencode(name), _mapped(fd, nbytes)


def _opened(name, nbytes):
    with open(name, "r+b") as file:
        return _mapped(file.fileno(), nbytes)


def _mapped(fd, nbytes):
    """Map the memory, in large pages where the system has them: far fewer faults and look-ups."""
    memory = mmap.mmap(fd, nbytes)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):
            memory.madvise(mmap.MADV_HUGEPAGE)
    return memory
