"""Arrays in expressions of a kernel: attributes, elements, rows and slices."""

import ast

import numpy as np

from dlpar.gpu.lockstep.expressions import Expressions
from dlpar.gpu.lockstep.intrinsic import Intrinsic
from dlpar.gpu.lockstep.memory import Access, View, load


class Subscripts(Expressions):
    """Translates what reads an array."""

    def _value_Attribute(self, node):
        owner, name, unsupported = self.value(node.value), node.attr, self.source.unsupported

        def read(m, env):
            thing = owner(m, env)
            if isinstance(thing, View):
                if name in ("size", "ndim"):
                    return np.int64(getattr(thing, name))
                if name == "shape":
                    return tuple(np.int64(n) for n in thing.shape)
                if name == "dtype":
                    return thing.dtype
            part = getattr(thing, name, None)
            if isinstance(part, Intrinsic) and part.reads:  # threadIdx.x, of `t = cuda.threadIdx`
                return part.lower(m)
            if isinstance(thing, np.ndarray | np.generic) and name in ("real", "imag"):
                return getattr(thing, name)
            raise unsupported(node, f"no attribute {name} in a kernel")

        return read

    def _value_Subscript(self, node):
        owner, index = self.value(node.value), self.index(node)
        access = self.access(node)
        metered, unsupported = self.metered, self.source.unsupported

        def read(m, env):
            view = owner(m, env)
            if isinstance(view, tuple):
                (i,) = index(m, env)
                if not isinstance(i, np.integer):
                    raise unsupported(node, "the index into a tuple must be the same in all lanes")
                return view[i]
            if not isinstance(view, View):
                raise unsupported(node, "only arrays and tuples have elements")
            at = index(m, env)
            if len(at) != view.ndim or any(isinstance(i, slice) for i in at):
                return part_of(m, view, at, access)
            flat = access(m, view, at)
            if metered:
                m.meter.access(m, "load", view, flat, access)
            return load(m, view, flat, access)

        return read

    def access(self, node):
        """Return an Access for this place, which forgets after the launch."""
        access = Access(self.source.site(node))
        self.accesses.append(access)
        return access

    def index(self, node):
        """Return the closure of a subscript: a list of integers and slices."""
        where = node.slice
        parts = [
            self._index_part(p) for p in (where.elts if isinstance(where, ast.Tuple) else [where])
        ]
        site, unsupported = self.source.site(node), self.source.unsupported

        def evaluate(m, env):
            found = []
            for part in parts:
                i = part(m, env)
                if isinstance(i, tuple):
                    if not i and len(parts) > 1:
                        raise unsupported(node, "an empty tuple is no index")
                    found += i
                else:
                    found.append(i)
            for i in found:
                if not isinstance(i, slice) and i.dtype.kind not in "iu":
                    where = f"{site.kernel}, line {site.line}"
                    raise TypeError(
                        f"{where}: an index is an integer, not {i.dtype}\n    {site.text}"
                    )
            return found

        return evaluate

    def _index_part(self, node):
        if not isinstance(node, ast.Slice):
            return self.value(node)
        parts = (node.lower, node.upper, node.step)
        ends = [None if part is None else self.value(part) for part in parts]

        def cut(m, env):
            values = [end and end(m, env) for end in ends]
            if any(v is not None and v.ndim for v in values):
                raise self.source.unsupported(
                    node, "the ends of a slice must be the same in all lanes"
                )
            return slice(*(None if v is None else int(v) for v in values))

        return cut


def part_of(m, view, index, access):
    """Return the View of a row, a slice, or a block of `view`."""
    if not index:
        site = access.site
        raise NotImplementedError(
            f"{site.kernel}, line {site.line}: an empty tuple is no index\n    {site.text}"
        )
    if len(index) > view.ndim:
        site = access.site
        raise IndexError(
            f"{site.kernel}, line {site.line}: {len(index)} indices for "
            f"{view.store.name} of {view.ndim} dimensions\n    {site.text}"
        )
    base, shape, strides = view.base, [], []
    for axis, i in enumerate(index):
        n, s = view.shape[axis], view.strides[axis]
        if isinstance(i, slice):
            start, stop, step = i.indices(n)
            if step < 1:
                raise NotImplementedError("a slice in a kernel goes forwards")
            base = base + start * s
            shape.append(len(range(start, stop, step)))
            strides.append(s * step)
        else:
            row = View(view.store, (n,), (s,), 0)
            base = base + Access(access.site)(m, row, [i])
    rest = len(index)
    return View(view.store, (*shape, *view.shape[rest:]), (*strides, *view.strides[rest:]), base)
