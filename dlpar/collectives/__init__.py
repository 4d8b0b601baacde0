"""Collectives from scratch: every rank brings a vector and leaves with what all of them make.

All take `(x, comm)` and need of `comm` no more than `rank`, `size` and mpi4py's buffer calls, so
they run under `simulate`, `run` and `mpiexec` alike.
"""

from dlpar.collectives.alltoall import pairwise_alltoall
from dlpar.collectives.chain import chain_broadcast
from dlpar.collectives.chooser import choose
from dlpar.collectives.double_tree import double_tree_allreduce
from dlpar.collectives.doubling import recursive_doubling_allreduce
from dlpar.collectives.halving import (
    recursive_doubling_allgather,
    recursive_halving_reduce_scatter,
)
from dlpar.collectives.hierarchical import hierarchical_allreduce, leader_allreduce
from dlpar.collectives.in_network import in_network_allreduce
from dlpar.collectives.naive import pass_around_allreduce, root_allreduce
from dlpar.collectives.pipelined_ring import pipelined_ring_allreduce
from dlpar.collectives.rabenseifner import rabenseifner_allreduce
from dlpar.collectives.reproducible import (
    arrival_allreduce,
    binned_allreduce,
    exact_allreduce,
    ordered_allreduce,
)
from dlpar.collectives.ring import ring_allgather, ring_allreduce, ring_reduce_scatter
from dlpar.collectives.shared import SharedVectors
from dlpar.collectives.tree import tree_allreduce, tree_broadcast, tree_reduce

__all__ = [
    "SharedVectors",
    "arrival_allreduce",
    "binned_allreduce",
    "chain_broadcast",
    "choose",
    "double_tree_allreduce",
    "exact_allreduce",
    "hierarchical_allreduce",
    "in_network_allreduce",
    "leader_allreduce",
    "ordered_allreduce",
    "pairwise_alltoall",
    "pass_around_allreduce",
    "pipelined_ring_allreduce",
    "rabenseifner_allreduce",
    "recursive_doubling_allgather",
    "recursive_doubling_allreduce",
    "recursive_halving_reduce_scatter",
    "ring_allgather",
    "ring_allreduce",
    "ring_reduce_scatter",
    "root_allreduce",
    "tree_allreduce",
    "tree_broadcast",
    "tree_reduce",
]
