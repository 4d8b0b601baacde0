"""The words of MPI that programs use; they mean the same in both worlds."""

import sys

import numpy as np

ANY_SOURCE = -1
ANY_TAG = -1
PROC_NULL = -2
UNDEFINED = -32766


class _InPlace:
    """The send buffer of a collective whose contribution already lies in the receive buffer."""

    def __repr__(self):
        return "IN_PLACE"

    def __reduce__(self):
        return "IN_PLACE"  # the one and only, also after a journey to another process


class Op:
    """An element-wise, associative reduction: `op(a, b)` takes and returns arrays of one shape."""

    def __init__(self, name, function):
        self.name = name
        self.function = function

    def __call__(self, a, b):
        """Return the element-wise result for two arrays."""
        return self.function(a, b)

    def __repr__(self):
        return self.name


IN_PLACE = _InPlace()
SUM = Op("SUM", np.add)
PROD = Op("PROD", np.multiply)
MAX = Op("MAX", np.maximum)
MIN = Op("MIN", np.minimum)


class MPIError(RuntimeError):
    """What mpi4py reports as `MPI.Exception`; `error_class` is MPI's name: MPI_ERR_TRUNCATE..."""

    def __init__(self, error_class, message):
        super().__init__(error_class, message)
        self.error_class = error_class

    def __str__(self):
        return f"{self.error_class}: {self.args[1]}"


class Status:
    """What a receive met: who sent, with which tag, how many bytes."""

    def __init__(self):
        self.source = ANY_SOURCE
        self.tag = ANY_TAG
        self.nbytes = 0

    def Get_source(self):
        """Return the sender's rank."""
        return self.source

    def Get_tag(self):
        """Return the message's tag."""
        return self.tag

    def Get_count(self, itemsize=1):
        """Return how many elements of `itemsize` bytes arrived; mpi4py's default counts bytes."""
        return self.nbytes // getattr(itemsize, "size", itemsize)


# A program written for mpi4py passes mpi4py's own objects; none is imported here for that.


def is_in_place(buf):
    """Tell whether `buf` is IN_PLACE, ours or mpi4py's."""
    return buf is IN_PLACE or type(buf).__name__ == "InPlaceType"


def function_of(op):
    """Return the function of a reduction: an Op of ours, or one of mpi4py's of the same name."""
    MPI = sys.modules.get("mpi4py.MPI")
    if MPI is not None and isinstance(op, MPI.Op):
        known = [ours for ours in (SUM, PROD, MAX, MIN) if op == getattr(MPI, ours.name)]
        if not known:
            raise NotImplementedError("simulate reduces with SUM, PROD, MAX and MIN only")
        return known[0]
    return op


def tell(status, source, tag, nbytes):
    """Write into `status`, ours or mpi4py's, what a receive met."""
    if isinstance(status, Status):
        status.source, status.tag, status.nbytes = source, tag, nbytes
        return
    status.Set_source(source)
    status.Set_tag(tag)
    if mpi_runs():
        status.Set_elements(sys.modules["mpi4py.MPI"].BYTE, nbytes)


def mpi_runs():
    """Tell whether MPI may be asked: it ends a process that asks before MPI is initialized."""
    MPI = sys.modules.get("mpi4py.MPI")
    return MPI is not None and MPI.Is_initialized()
