"""Arrays that have a shape and no contents: the payload of simulations too large to carry one."""

import numpy as np


def phantom(shape, dtype=float):
    """Return an array of `shape` and `dtype` that takes no memory, reads as 0, and keeps nothing.

    What is computed from it element by element, its copies, slices, chunks (`np.array_split`) and
    `np.empty_like` of it are phantoms too, so that a collective runs unchanged. In `simulate` it is
    sent and received as any array of its size: messages, bytes and times are those of real data.
    A real buffer that is to receive a phantom keeps its contents.

    What needs contents, as a sum over the elements, raises TypeError.

    Cost: a few bytes, whatever the shape; every rank may be given the same one.
    """
    shape = (shape,) if isinstance(shape, int | np.integer) else tuple(shape)
    return Phantom(shape, dtype, np.zeros(1, dtype), strides=(0,) * len(shape))


class Phantom(np.ndarray):
    """An array whose elements are all one, which is 0."""

    def __setitem__(self, where, value):
        """Keep nothing."""

    def copy(self, order="C"):
        """Return the array itself: one phantom is as good as another."""
        return self

    def view(self, dtype):  # type: ignore[override]  # never of another class
        """Return as many bytes of `dtype`."""
        return phantom(self.nbytes // np.dtype(dtype).itemsize, dtype)

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **kwargs):
        """Return a phantom of the result's shape and dtype, or `out` as it is."""
        if method != "__call__" or ufunc.nout != 1:
            return NotImplemented
        if out is not None:
            return out[0]
        sample = ufunc(*(np.zeros((), x.dtype) if isinstance(x, Phantom) else x for x in inputs))
        return phantom(np.broadcast_shapes(*map(np.shape, inputs)), sample.dtype)

    def __array_function__(self, func, types, args, kwargs):
        """Let NumPy make phantoms of phantoms."""
        if func in (np.empty_like, np.zeros_like, np.ones_like):
            return _like(*args, **kwargs)
        if func is np.array_split:
            return _chunks(*args, **kwargs)
        if func is np.copyto:
            return None
        return super().__array_function__(func, types, args, kwargs)


def _like(prototype, dtype=None, *, shape=None):
    shape = prototype.shape if shape is None else shape
    return phantom(shape, prototype.dtype if dtype is None else dtype)


def _chunks(x, sections, axis=0):
    """Return np.array_split(x, sections); chunks of one size are one phantom."""
    if axis or not isinstance(sections, int | np.integer):
        raise TypeError("a phantom is split along its first axis, into a number of chunks")
    shorter, longer = divmod(len(x), sections)
    return [x[: shorter + 1]] * longer + [x[:shorter]] * (sections - longer)


class NoBytes:
    """What a phantom's memory is to a message: a number of bytes."""

    __slots__ = ("nbytes",)
    readonly = False

    def __init__(self, nbytes):
        self.nbytes = nbytes

    def __len__(self):
        return self.nbytes

    def __setitem__(self, where, value):
        """Keep nothing."""

    def tobytes(self):
        """Return what is to travel."""
        return self
