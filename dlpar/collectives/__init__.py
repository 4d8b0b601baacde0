"""Collectives from scratch: every rank brings a vector and leaves with what all of them make.

All take `(x, comm)` and need of `comm` no more than `rank`, `size` and mpi4py's buffer calls, so
they run under `simulate`, `run` and `mpiexec` alike.
"""

from dlpar.collectives.naive import pass_around_allreduce, root_allreduce
from dlpar.collectives.ring import ring_allgather, ring_allreduce, ring_reduce_scatter

__all__ = [
    "pass_around_allreduce",
    "ring_allgather",
    "ring_allreduce",
    "ring_reduce_scatter",
    "root_allreduce",
]
