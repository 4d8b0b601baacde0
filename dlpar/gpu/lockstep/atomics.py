"""Atomic operations: what lanes do at one element happens one lane after the other, in order."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from dlpar.gpu.lockstep.intrinsic import Intrinsic
from dlpar.gpu.lockstep.memory import View, must_be_written, touch

UNSIGNED = ("uint32", "uint64")
INTEGERS = ("int32", "int64", *UNSIGNED)
NUMBERS = (*INTEGERS, "float32", "float64")

# What an element becomes, from what it holds and what a lane brings.
UFUNCS = {
    "add": np.add, "sub": np.subtract, "and_": np.bitwise_and, "or_": np.bitwise_or,
    "xor": np.bitwise_xor, "nanmin": np.fmin, "nanmax": np.fmax,
}  # fmt: skip
STEPS: dict[str, Any] = {
    **UFUNCS,
    # An element that is NaN stays NaN, and a NaN that is brought changes nothing.
    "min": lambda old, new: np.where(new < old, new, old),
    "max": lambda old, new: np.where(new > old, new, old),
    "exch": lambda old, new: new,
    "inc": lambda old, limit: np.where(old >= limit, 0, old + 1).astype(old.dtype),
    "dec": lambda old, limit: np.where((old == 0) | (old > limit), limit, old - 1),
}


def update(m, access, view, index, name, value, wanted, types, compare=None):
    """Apply the operation in every active lane, in lane order; return what each lane found.

    wanted : whether the kernel uses what was found.  types : names of the types that have it.
    Raises TypeError for an array of another type, as Numba does.
    """
    site = access.site
    where = f"{site.kernel}, line {site.line}: cuda.atomic.{name}"
    if not isinstance(view, View) or view.dtype.name not in types:
        what = f"an array of {view.dtype}" if isinstance(view, View) else "this"
        raise TypeError(f"{where} works on arrays of {', '.join(types)}, not on {what}")
    index = list(index) if isinstance(index, tuple) else [index]
    if len(index) != view.ndim:
        raise TypeError(f"{where} takes {view.ndim} indices here, got {len(index)}")
    at = access(m, view, index)
    store = view.store
    if m.meter is not None:
        m.meter.access(m, "atomic", view, at, access)
    lanes, *_ = m.crowd()
    if store.shadow is not None:
        store.shadow.atomic(m, store, touch(m, store, at), site)
    flat, at = at, np.full(len(lanes), at) if isinstance(at, int) else at[lanes]
    if store.written is not None:
        if name != "exch":  # the others use what they find
            must_be_written(m, store, flat, site)
        store.written[at] = True
    if m.fences is not None:
        m.fences.atomic(m, site)
    value = m.spread(value.astype(view.dtype))[lanes]
    if compare is not None:
        compare = m.spread(compare.astype(view.dtype))[lanes]
    found = np.zeros(m.count, view.dtype)
    in_turn = _in_turn(store.data, at, name, value, wanted, compare)
    if wanted:
        found[lanes] = in_turn
    return found


def _in_turn(data, at, name, value, wanted, compare):
    """Change `data[at]`, one after the other where elements repeat; return the values found."""
    if not wanted and name in UFUNCS:
        UFUNCS[name].at(data, at, value)  # in order, too
        return None
    order = np.argsort(at, kind="stable")
    first = np.r_[True, np.diff(at[order]) != 0].nonzero()[0]
    count = np.diff(np.r_[first, len(at)])  # lanes at each of the elements
    found = np.empty(len(at), data.dtype)
    if len(first) < count.max() and (name in UFUNCS or name == "exch"):
        for group in np.split(order, first[1:]):
            _one_element(data, int(at[group[0]]), name, value, group, found)
        return found
    for turn in range(count.max()):
        lanes = order[first[count > turn] + turn]
        where = at[lanes]
        old = found[lanes] = data[where]
        if compare is None:
            data[where] = STEPS[name](old, value[lanes])
        else:
            data[where] = np.where(old == compare[lanes], value[lanes], old)
    return found


def _one_element(data, where, name, value, lanes, found):
    """Let `lanes` change the element `where` in turn: a running sum, of whatever kind."""
    states = np.r_[data[where], value[lanes]]
    if name in UFUNCS:
        states = UFUNCS[name].accumulate(states, dtype=data.dtype)
    found[lanes], data[where] = states[:-1], states[-1]


def _atomic(name, types):
    def lower(wanted):
        return lambda m, access, view, index, value: update(
            m, access, view, index, name, value, wanted, types
        )

    return Intrinsic(f"cuda.atomic.{name}", lower(True), access=True, unused=lower(False))


def _cas(m, access, view, index, old, value):
    return update(m, access, view, index, "cas", value, True, INTEGERS, compare=old)


def _compare_and_swap(m, access, view, old, value):
    return _cas(m, access, view, np.int64(0), old, value)


atomic = SimpleNamespace(
    **{
        name: _atomic(name, types)
        for names, types in (
            (("add", "sub", "min", "max", "nanmin", "nanmax"), NUMBERS),
            (("and_", "or_", "xor", "exch"), INTEGERS),
            (("inc", "dec"), UNSIGNED),
        )
        for name in names
    },
    cas=Intrinsic("cuda.atomic.cas", _cas, access=True),
    compare_and_swap=Intrinsic("cuda.atomic.compare_and_swap", _compare_and_swap, access=True),
)
