"""Arguments as BLAS checks them: in order, and the first wrong one is named with its number."""

import numpy as np

from dlpar.gpu import cuda


def illegal(routine, number, name, why):
    """Return the error that XERBLA reports: which parameter of which routine, and here also why."""
    return ValueError(
        f"On entry to {routine} parameter number {number} ({name}) had an illegal value: {why}"
    )


def operation(routine, number, name, trans):
    """Return whether `trans` asks for the transpose: "N" no, "T" and "C" yes, in either case."""
    if not isinstance(trans, str) or trans.upper() not in ("N", "T", "C"):
        raise illegal(routine, number, name, f"{trans!r} is none of N, T, C")
    return trans.upper() != "N"


def at_least(routine, number, name, value, least, means):
    """Raise unless `value` >= `least`, which `means` explains."""
    if value < least:
        raise illegal(routine, number, name, f"{value}, at least {means} = {least} is needed")


def nonzero(routine, number, name, inc):
    """Raise if an increment is 0: every element would be the same one."""
    if inc == 0:
        raise illegal(routine, number, name, "0, an increment leads to the next element")


def memory(routine, number, name, array, reach):
    """Return `array` on the device as flat memory; a host array is copied.

    Raises unless it is float32, flat or column-major, and `reach` elements long.
    """
    if array.dtype != np.float32:
        raise illegal(routine, number, name, f"{array.dtype}, float32 is needed")
    on_host = isinstance(array, np.ndarray)
    if not (array.flags.f_contiguous if on_host else len(array.shape) == 1):
        raise illegal(routine, number, name, f"shape {array.shape} is not column-major memory")
    if array.size < reach:
        raise illegal(routine, number, name, f"{array.size} elements, the call reaches {reach}")
    return cuda.to_device(array.reshape(-1, order="F")) if on_host else array


def reach_of_vector(n, inc):
    """Return how many elements of memory a vector of `n` elements spans."""
    return 1 + (n - 1) * abs(inc)


def reach_of_matrix(rows, columns, ld):
    """Return how many elements of memory a column-major matrix spans."""
    return (columns - 1) * ld + rows


def give_back(device, array):
    """Copy changed memory back if `array` is of the host; return `array`."""
    if isinstance(array, np.ndarray):
        array.reshape(-1, order="F")[:] = device.copy_to_host()  # a view: it is column-major
    return array
