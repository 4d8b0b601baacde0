"""Arrays that two processes both hold: each tells the other what has changed in its own."""

import math

import numpy as np

from dlpar.labs.values import DTYPES, decode, encode


class View:
    """An array that lies in the memory of one that both processes hold: where, and of what kind."""

    def __init__(self, name, offset, array):
        self.content = [name, offset, array.dtype.str, list(array.shape)]  # offset in bytes


class Mirror:
    """Arrays by name; `changes()` and `apply()` keep those of the other process in step."""

    def __init__(self):
        self._arrays = {}  # name -> (array, its bytes when both were last the same)

    def add(self, name, arrays):
        """Hold `arrays` under the names `name:0`, `name:1`..., as the other process does."""
        for i, array in enumerate(arrays):
            self._arrays[f"{name}:{i}"] = (array, array.tobytes())

    def drop(self, name):
        """Let the arrays of `name` go."""
        for key in [key for key in self._arrays if key.rpartition(":")[0] == name]:
            del self._arrays[key]

    def view_of(self, array):
        """Return `array` as a View, if its memory is part of an array that is held, or as it is."""
        if not (isinstance(array, np.ndarray) and array.flags.c_contiguous and array.nbytes):
            return array
        start = array.ctypes.data
        for name, (held, _) in self._arrays.items():
            offset = start - held.ctypes.data
            if held.flags.c_contiguous and 0 <= offset <= held.nbytes - array.nbytes:
                return View(name, offset, array)
        return array

    def array_of(self, content):
        """Return the array that a View stands for. Raises ValueError for what is no view."""
        try:
            name, offset, dtype, shape = content
            if dtype not in DTYPES or any(type(n) is not int or n < 0 for n in [offset, *shape]):
                raise ValueError("not a view")
            held, _ = self._arrays[name]
            memory = held.reshape(-1).view(np.uint8)
            end = offset + math.prod(shape) * np.dtype(dtype).itemsize
            return memory[offset:end].view(dtype).reshape(shape)
        except (TypeError, KeyError) as error:
            raise ValueError("not a view") from error

    def changes(self):
        """Return [[name, packed array], ...] of what has changed here since the last exchange."""
        said = []
        for key, (array, known) in self._arrays.items():
            now = array.tobytes()
            if now != known:
                self._arrays[key] = (array, now)
                said.append([key, encode(array)])
        return said

    def apply(self, changes):
        """Take over what has changed there. Raises ValueError for what no honest peer sends."""
        if changes.__class__ is not list:
            raise ValueError("not a list of changes")
        for change in changes:
            if change.__class__ is not list or len(change) != 2 or change[0].__class__ is not str:
                raise ValueError("not a change")
            new = decode(change[1])
            array, _ = self._arrays.get(change[0], (None, None))
            if array is None:
                continue  # a call that has ended here
            fits = isinstance(new, np.ndarray) and (new.shape, new.dtype) == (
                array.shape,
                array.dtype,
            )
            if not fits:
                raise ValueError("a changed array of another kind")
            if array.flags.writeable:
                array[...] = new
            self._arrays[change[0]] = (array, array.tobytes())
