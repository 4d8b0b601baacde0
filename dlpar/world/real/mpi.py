"""mpi4py's MPI, imported without starting it: whoever becomes a rank has started it before."""

import mpi4py

_initialize = mpi4py.rc.initialize
mpi4py.rc.initialize = False  # no effect on an MPI that is imported, hence started, already
from mpi4py import MPI  # noqa: E402

mpi4py.rc.initialize = _initialize

__all__ = ["MPI"]
