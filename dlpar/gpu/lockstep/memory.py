"""Arrays as a kernel sees them: where an index leads, and what is checked on the way."""

import math
from typing import Any

import numpy as np

from dlpar.gpu.lockstep.errors import OutOfRange, Uninitialized
from dlpar.gpu.lockstep.shadow import Shadow, Touch
from dlpar.gpu.lockstep.types import INT64


class Store:
    """One piece of memory: a flat NumPy array, and what the checks remember about it.

    data : (size,) array of elements.  name : the variable, for messages.
    space : "global", "shared", "local" or "constant".
    unit : elements that one block (shared) or lane (local) owns; 0 for memory that all share.
    """

    def __init__(self, data, name, space, unit=0, fresh=False):
        self.data, self.name, self.space, self.unit = data, name, space, unit
        self.shadow, self.origin = None, 0  # element 0's place among those that the shadow knows
        self.layout = ((data.size,), (1,))  # shape and strides of the whole, for messages
        self.written = np.zeros(data.size, bool) if fresh else None  # None: all of it was

    def watch(self):
        """Look for races from now on."""
        self.shadow = Shadow(self.data.size, private=self.space == "shared")

    def describe(self, element):
        """Return an element as text: "tile[1, 3] (shared)"."""
        rest = element % self.unit if self.unit else element
        shape, strides = self.layout
        index = dict.fromkeys(range(len(shape)), 0)
        for axis in sorted(index, key=lambda axis: -strides[axis]):
            if shape[axis] > 1 and strides[axis]:
                index[axis], rest = divmod(rest, strides[axis])
        words = ", ".join(str(int(i)) for i in index.values())
        return f"{self.name}[{words}] ({self.space})"


class View:
    """An array in a kernel: a shape, strides and an offset into a `Store`, all in elements.

    base : int, or a vector with one offset a lane (the lane's block, or the lane itself).
    """

    __slots__ = ("base", "shape", "store", "strides")

    def __init__(self, store, shape, strides, base=0):
        self.store, self.shape, self.strides, self.base = store, shape, strides, base

    @property
    def dtype(self):
        """The type of an element."""
        return self.store.data.dtype

    @property
    def size(self):
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def ndim(self):
        """The number of dimensions."""
        return len(self.shape)


def contiguous_strides(shape):
    """Return row-major strides in elements."""
    strides, step = [], 1
    for n in reversed(shape):
        strides.append(step)
        step *= n
    return tuple(reversed(strides))


def view_of(array, name, space="global"):
    """Return a View of a NumPy `array`, sharing its memory; raise ValueError if that cannot be."""
    steps, itemsize = array.strides, array.itemsize
    if any(s < 0 or s % itemsize for s in steps):
        raise ValueError(f"{name} has strides {steps} bytes: pass np.ascontiguousarray({name})")
    strides = tuple(s // itemsize for s in steps)
    extent = 1 + sum((n - 1) * s for n, s in zip(array.shape, strides, strict=True))
    if array.size == 0:
        extent = 0
    flat = np.lib.stride_tricks.as_strided(array, (extent,), (itemsize,), writeable=True)
    store = Store(flat, name, space)
    store.layout = array.shape, strides
    return View(store, array.shape, strides)


NO_VECTOR = object()  # in place of an index that is the same in all lanes


class Access:
    """The place in a kernel's source where an array is indexed: remembers the last address.

    A loop over k reads tile[ty, k] at the same vector part and another scalar part each time; the
    vector part is then checked and computed once. Vectors are never changed in place, so that
    identity tells.
    """

    __slots__ = ("active", "base", "pattern", "site", "vectors", "view")

    def __init__(self, site):
        self.site = site
        self.forget()

    def forget(self):
        """Drop what is remembered, so that it does not outlive its launch."""
        self.view: Any = None
        self.vectors: Any = ()
        self.active = self.base = None
        self.pattern = {}  # what the meter found for this vector part

    def __call__(self, m, view, index):
        """Return the element that `index`, a list of scalars and vectors, leads to, in each lane.

        An int where all lanes meet at one element, else an int64 vector; lanes that are not active
        hold an element inside the array. Raises OutOfRange.
        """
        shape, strides = view.shape, view.strides
        offset, vectors = 0, []
        for axis, i in enumerate(index):
            if i.ndim:
                vectors.append(i)
                continue
            vectors.append(NO_VECTOR)
            i, n = int(i), shape[axis]
            if i < 0:
                i += n
            if not 0 <= i < n:
                if m.checks.bounds:
                    self._out_of_range(m, view, index, axis, int(np.argmax(m.running())))
                i %= max(n, 1)
            offset += i * strides[axis]
        same = view is self.view and m.active is self.active and len(vectors) == len(self.vectors)
        if not (same and all(a is b for a, b in zip(vectors, self.vectors, strict=True))):
            things = (view, *vectors)
            self.base = m.once(things, lambda: self._vector_part(m, view, index))
            self.view, self.vectors, self.active = view, vectors, m.active
            self.pattern = {}
        return self.base + offset if offset else self.base  # type: ignore[operator]

    def _vector_part(self, m, view, index):
        base = view.base
        for axis, i in enumerate(index):
            if not i.ndim:
                continue
            if i.dtype != INT64:
                i = i.astype(INT64)
            n = view.shape[axis]
            outside = i.view(np.uint64) >= n
            if m.active is not None:
                outside &= m.active
            if outside.any():
                i = self._wrapped(m, view, index, axis, i, n)
            stride = view.strides[axis]
            step = i if stride == 1 else i * stride
            if m.active is not None:
                step = np.where(m.active, step, 0)
            base = step if type(base) is int and base == 0 else base + step
        return base

    def _wrapped(self, m, view, index, axis, i, n):
        """Count negative indices from the end, as Numba does; nothing else outside is allowed."""
        i = np.where(i < 0, i + n, i)
        outside = ((i < 0) | (i >= n)) & m.running()
        if outside.any():
            if m.checks.bounds:
                self._out_of_range(m, view, index, axis, int(np.argmax(outside)))
            i = i % max(n, 1)
        return i

    def _out_of_range(self, m, view, index, axis, lane):
        values = [int(i[lane] if i.ndim else i) for i in index]
        name, words = view.store.name, ", ".join(map(str, values))
        axes = f" along axis {axis}" if len(index) > 1 else ""
        raise OutOfRange(
            f"index out of range: {name}[{words}], but {name} has shape {_shape(view.shape)}, "
            f"so that indices{axes} end at {view.shape[axis] - 1}",
            self.site,
            *m.blame(lane),
        )


def load(m, view, at, access):
    """Return the elements `at` of `view`: uniform where `at` is, else a vector."""
    store = view.store
    value = store.data.take(at)  # a scalar where `at` is one
    if store.written is not None:
        must_be_written(m, store, at, access.site)
    if store.shadow is not None:
        store.shadow.read(m, store, touch(m, store, at), access.site)
    return value


def save(m, view, at, value, access):
    """Store `value`, scalar or vector, at the elements `at` of `view`, as the array's type."""
    store = view.store
    value = value.astype(store.data.dtype)
    many = not isinstance(at, int)
    if value.ndim:
        if m.active is not None:
            value = value[m.crowd()[0]]
        if not many:  # all at one element: the last lane has the last word
            at, many = np.full(m.count, at), True
    if store.shadow is not None:
        store.shadow.write(m, store, touch(m, store, at), access.site, value)
    if many:
        at = m.of_crowd(at)
    store.data[at] = value
    if store.written is not None:
        _note_written(store, at)


def touch(m, store, at):
    """Return the Touch of the active lanes, which access `at`."""
    lanes, ids, since = m.crowd()
    if not isinstance(at, int):
        at = m.of_crowd(at)
    elif np.ndim(since[0]) or np.ndim(since[1]):
        at = np.full(len(lanes), at)
    else:  # one element: the first and the last lane are as far apart as any two
        at, ids = np.array([at, at]), ids[[0, -1]]
    return Touch(at + store.origin if store.origin else at, ids, *since)


def _note_written(store, at):
    store.written[at] = True
    if store.written.all():
        store.written = None


def must_be_written(m, store, at, site):
    """Raise Uninitialized if an active lane is at an element that nobody has written."""
    known = store.written.take(at)
    unknown = ~known if m.active is None else ~known & m.active
    if np.any(unknown):
        lane = int(np.argmax(m.spread(unknown)))
        element = at if isinstance(at, int) else int(at[lane])
        block, thread = m.blame(lane)
        message = f"{store.describe(element)} is read, but nobody has written it"
        raise Uninitialized(message, site, block, thread)


def _shape(shape):
    return str(tuple(int(n) for n in shape))
