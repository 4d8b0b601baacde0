"""What mpi4py's buffer interface takes as a message: arrays, `[array, count]`, and no more."""

import operator

import numpy as np

from dlpar.world.constants import mpi_runs
from dlpar.world.phantom import NoBytes, Phantom

PLAIN = frozenset("?bBhHiIlLqQfd")  # native formats whose memory can be cast to bytes as it is


def byte_view(spec):
    """Return the memory of a buffer argument as a flat, byte-wise memoryview, without a copy.

    spec : contiguous array or other buffer, or a list/tuple `[buffer, count]`, `[buffer, datatype]`
        or `[buffer, count, datatype]` as in mpi4py.

    Of a `phantom`, which has no memory, return NoBytes of the same length.

    Raises what mpi4py raises: TypeError for what is no buffer, BufferError for one that is not
    contiguous or has no MPI type, KeyError for one of Python objects.
    """
    if spec.__class__ is Phantom:
        return NoBytes(spec.nbytes)
    try:
        view = memoryview(spec)
        if view.format in PLAIN:
            return view.cast("B")  # nearly every message; the rest is told apart below
    except (TypeError, ValueError, BufferError):
        pass
    array = flat_array(spec)
    if array.__class__ is Phantom:  # of [phantom, count]
        return NoBytes(array.nbytes)
    return memoryview(array.view(np.uint8))


def flat_array(spec):
    """Return a buffer argument's elements as a 1-D array on the same memory, in memory order."""
    if isinstance(spec, list | tuple):
        return _counted(spec)
    try:
        array = spec if isinstance(spec, np.ndarray) else np.asarray(memoryview(spec))
    except TypeError:
        name = type(spec).__name__
        raise TypeError(f"message: expecting buffer or list/tuple, got {name}") from None
    if array.dtype.hasobject or array.dtype.kind in "OVUST":
        raise KeyError(f"cannot map {array.dtype} to MPI datatype")
    if array.dtype.kind in "mM":
        raise BufferError(f"{array.dtype} has no MPI datatype")
    if not array.dtype.isnative:
        raise BufferError(f"{array.dtype.str} has non-native byte order")
    if not array.flags.forc and array.__class__ is not Phantom:
        raise BufferError("the buffer is not contiguous; send a copy, np.ascontiguousarray(x)")
    return array.reshape(-1, order="A")


def writable_array(spec):
    """Return `flat_array(spec)`; raise BufferError if it cannot be written."""
    array = flat_array(spec)
    if not array.flags.writeable:
        raise BufferError("the receive buffer is not writable")
    return array


def _counted(spec):
    """Resolve `[buffer, count]`, `[buffer, datatype]` and `[buffer, count, datatype]`."""
    if not 1 <= len(spec) <= 3 or isinstance(spec[0], list | tuple):
        raise TypeError("message: expecting [buffer], [buffer, count] or [buffer, count, datatype]")
    array = flat_array(spec[0])
    count = array.size
    for item in spec[1:]:
        if hasattr(item, "Get_size"):  # an mpi4py Datatype
            theirs = type(item).__module__ == "mpi4py.MPI"
            if (mpi_runs() or not theirs) and item.Get_size() != array.itemsize:
                raise TypeError(f"message: datatype of {item.Get_size()} bytes for {array.dtype}")
        elif item is not None:
            count = operator.index(item)
    if not 0 <= count <= array.size:
        raise ValueError(f"message: count {count} of a buffer of {array.size} elements")
    return array[:count]


def vector_blocks(spec, size, write=False):
    """Return the `size` blocks, as views, of the buffer of a collective such as Gatherv.

    spec : `[buffer, counts]` or `[buffer, (counts, displs)]`, either with a datatype after it, or
        `[buffer, counts, displs, datatype]`. counts, displs : ints in elements; without displs the
        blocks follow each other.  write : whether the buffer is to be written.

    Raises ValueError unless there are `size` counts and every block lies in the buffer.
    """
    buffer, counts, displs = spec[0], spec[1], spec[2] if len(spec) == 4 else None
    if isinstance(counts, tuple):
        counts, displs = counts
    array = writable_array(buffer) if write else flat_array(buffer)
    counts = np.broadcast_to(np.asarray(counts, np.int64), (size,))
    starts = np.cumsum(counts) - counts if displs is None else np.asarray(displs, np.int64)
    if starts.shape != (size,) or (counts < 0).any() or (starts < 0).any():
        raise ValueError(f"message: {size} counts and displacements of at least 0 are needed")
    if (starts + counts).max() > array.size:
        raise ValueError(f"message: blocks beyond the end of a buffer of {array.size} elements")
    return [array[i : i + n] for i, n in zip(starts.tolist(), counts.tolist(), strict=True)]
