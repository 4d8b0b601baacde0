"""Arrays on the device: memory that the host reaches by copies only."""

import numpy as np


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
