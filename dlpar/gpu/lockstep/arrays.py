"""Arrays on the device: memory that the host reaches by copies only."""

from contextlib import contextmanager

import numpy as np

from dlpar.gpu.lockstep.types import dtype_of


class DeviceArray:
    """An array in the device's memory. `lockstep_memory` is what the machine works on."""

    def __init__(self, memory):
        self.lockstep_memory = memory

    @property
    def shape(self):
        """The shape."""
        return self.lockstep_memory.shape

    @property
    def dtype(self):
        """The type of an element."""
        return self.lockstep_memory.dtype

    @property
    def ndim(self):
        """The number of dimensions."""
        return self.lockstep_memory.ndim

    @property
    def size(self):
        """The number of elements."""
        return self.lockstep_memory.size

    @property
    def nbytes(self):
        """The size in bytes."""
        return self.lockstep_memory.nbytes

    @property
    def strides(self):
        """The strides in bytes."""
        return self.lockstep_memory.strides

    @property
    def T(self):
        """The transpose, of the same memory."""
        return DeviceArray(self.lockstep_memory.T)

    def __len__(self):
        """Return the length of the first dimension."""
        return len(self.lockstep_memory)

    def copy_to_host(self, ary=None, stream=0):
        """Return a copy on the host, in `ary` if it is given."""
        if ary is None:
            return self.lockstep_memory.copy()
        np.copyto(ary, self.lockstep_memory, casting="no")
        return ary

    def copy_to_device(self, ary, stream=0):
        """Take over the elements of `ary`, an array of the host or of the device."""
        source = ary.lockstep_memory if isinstance(ary, DeviceArray) else np.asarray(ary)
        if source.shape != self.shape or source.dtype != self.dtype:
            raise ValueError(
                f"copy_to_device needs {self.shape} of {self.dtype}, "
                f"got {source.shape} of {source.dtype}"
            )
        self.lockstep_memory[...] = source

    def reshape(self, *shape, order="C"):
        """Return the same memory in another shape."""
        return DeviceArray(self.lockstep_memory.reshape(*shape, order=order))

    def ravel(self, order="C", stream=0):
        """Return the same memory in one dimension."""
        return DeviceArray(self.lockstep_memory.ravel(order))

    def view(self, dtype):
        """Return the same memory, read as another type."""
        return DeviceArray(self.lockstep_memory.view(dtype))

    def __getitem__(self, index):
        """Return a part: a DeviceArray, or a number that was copied to the host."""
        part = self.lockstep_memory[index]
        return DeviceArray(part) if isinstance(part, np.ndarray) else part

    def __setitem__(self, index, value):
        """Copy `value` into a part."""
        self.lockstep_memory[index] = (
            value.lockstep_memory if isinstance(value, DeviceArray) else value
        )


# On the host: to the device, and from it


def to_device(obj, stream=0, copy=True, to=None):
    """Return a copy of an array on the device; with `to`, an array there, copy into it."""
    if to is not None:
        to.copy_to_device(obj)
        return to
    if isinstance(obj, DeviceArray):
        return obj
    obj = np.asarray(obj)
    return DeviceArray(obj.copy(order="K") if copy else _unset(obj.shape, obj.dtype, "C"))


def _unset(shape, dtype, order):
    """Return memory that nobody has written: NaN, or the largest integer, to be seen if read."""
    memory = np.zeros(shape, dtype, order=order)
    if dtype.kind in "fc":
        memory.fill(np.nan)
    elif dtype.kind in "iu":
        memory.fill(np.iinfo(dtype).max)
    return memory


def device_array(shape, dtype=np.float64, strides=None, order="C", stream=0):
    """Return an array on the device whose elements are not set: NaN, or the largest integer.

    Raises NotImplementedError for strides of your own.
    """
    if strides is not None:
        raise NotImplementedError("device_array with strides: choose order 'C' or 'F'")
    dtype = np.dtype(dtype) if isinstance(dtype, np.dtype) and dtype.names else dtype_of(dtype)
    return DeviceArray(_unset(shape, dtype, order))


def device_array_like(ary, stream=0):
    """Return an array on the device with the shape, type and order of `ary`, not set."""
    memory = ary.lockstep_memory if isinstance(ary, DeviceArray) else np.asarray(ary)
    order = "C" if memory.flags.c_contiguous or not memory.flags.f_contiguous else "F"
    return DeviceArray(_unset(memory.shape, memory.dtype, order))


def is_cuda_array(obj):
    """Whether `obj` is an array on the device."""
    return isinstance(obj, DeviceArray)


def as_cuda_array(obj, sync=True):
    """Return `obj`, an array on the device; raise TypeError if it is not there."""
    if not isinstance(obj, DeviceArray):
        raise TypeError(f"an array on the device is needed, got {type(obj).__name__}")
    return obj


def pinned_array(shape, dtype=np.float64, strides=None, order="C"):
    """Return an array on the host; its pages would be locked for faster copies."""
    return _unset(shape, dtype_of(dtype), order)


def pinned_array_like(ary):
    """Return a pinned array with the shape and type of `ary`."""
    return pinned_array(ary.shape, ary.dtype)


def mapped_array(
    shape, dtype=np.float64, strides=None, order="C", stream=0, portable=False, wc=False
):
    """Return an array that host and device both reach."""
    return _unset(shape, dtype_of(dtype), order)


def mapped_array_like(ary, stream=0, portable=False, wc=False):
    """Return a mapped array with the shape and type of `ary`."""
    return mapped_array(ary.shape, ary.dtype)


def managed_array(shape, dtype=np.float64, strides=None, order="C", stream=0, attach_global=True):
    """Return an array that moves between host and device as it is needed."""
    return _unset(shape, dtype_of(dtype), order)


@contextmanager
def pinned(*arylist):
    """Lock the pages of arrays within the `with`: nothing to do here."""
    yield


@contextmanager
def mapped(*arylist, portable=False, wc=False):
    """Within the `with`, give each array of the host as one of the device, of the same memory."""
    views = [DeviceArray(ary) for ary in arylist]
    yield views[0] if len(views) == 1 else views


def In(ary):
    """Return `ary` for a launch that only reads it: what a kernel writes does not come back."""
    return DeviceArray(np.array(ary))


def Out(ary):
    """Return `ary` for a launch that only writes it."""
    return DeviceArray(ary)


def InOut(ary):
    """Return `ary` for a launch that reads and writes it."""
    return DeviceArray(ary)
