"""Atomic operations: what lanes do at one address happens one lane after the other, in order."""

from typing import Any

import numpy as np

from dlpar.gpu.lockstep.intrinsic import Intrinsic
from dlpar.gpu.lockstep.memory import View, touch

FAST = {"add": np.add, "sub": np.subtract, "min": np.minimum, "max": np.maximum,
        "and_": np.bitwise_and, "or_": np.bitwise_or, "xor": np.bitwise_xor}  # fmt: skip


def _inc(old, limit):
    return 0 if old >= limit else old + 1


def _dec(old, limit):
    return limit if old == 0 or old > limit else old - 1


def _exchange(old, new):
    return new


def _float_max(old, new):
    return np.fmax(old, new)


SLOW = {"inc": _inc, "dec": _dec, "exch": _exchange}


def _atomic(name):
    def lower(m, access, view, index, value):
        return update(m, access, view, index, name, value)

    return Intrinsic(f"cuda.atomic.{name}", lower, access=True)


def update(m, access, view, index, name, value, compare=None):
    """Apply the operation in every active lane, in lane order; return what each lane found."""
    site = access.site
    if not isinstance(view, View):
        raise TypeError(f"{site.kernel}, line {site.line}: an atomic works on an array's element")
    index = list(index) if isinstance(index, tuple) else [index]
    at = access(m, view, index)
    store = view.store
    if m.meter is not None:
        m.meter.access(m, "atomic", view, at, access)
    lanes, _ = m.crowd()
    if store.shadow is not None:
        store.shadow.atomic(m, store, touch(m, store, at), site)
    at = np.full(len(lanes), at) if isinstance(at, int) else at[lanes]
    if store.written is not None:
        store.written[at] = True
    if m.fences is not None:
        m.fences.atomic(m, site)
    value = m.spread(value.astype(view.dtype))[lanes]
    compare = None if compare is None else m.spread(compare.astype(view.dtype))[lanes]
    found = np.zeros(m.count, view.dtype)
    found[lanes] = _in_turn(store.data, at, name, value, compare)
    return found


def _in_turn(data, at, name, value, compare):
    """Change `data[at]`, one after the other where elements repeat; return the values found."""
    if name in FAST and len(np.unique(at)) == len(at):
        found = data[at]
        data[at] = FAST[name](found, value)
        return found
    if name in ("add", "sub") and data.dtype.kind in "iu":
        return _sums(data, at, value if name == "add" else -value)
    step: Any = SLOW.get(name) or FAST.get(name)
    found = np.empty(len(at), data.dtype)
    for i, (where, new) in enumerate(zip(at.tolist(), value, strict=True)):
        old = found[i] = data[where]
        if compare is None:
            data[where] = step(old, new)
        elif old == compare[i]:
            data[where] = new
    return found


def _sums(data, at, value):
    """Add integers in turn: what a lane finds is the element plus the sums before it."""
    order = np.argsort(at, kind="stable")
    where, what = at[order], value[order]
    running = np.cumsum(what, dtype=data.dtype)
    first = np.r_[True, where[1:] != where[:-1]]
    before = (running - what)[first]  # what the sums of other elements add up to
    found = np.empty_like(value)
    found[order] = (
        data[where]
        + (running - what)
        - np.repeat(before, np.diff(np.r_[first.nonzero()[0], len(at)]))
    )
    np.add.at(data, at, value)
    return found


def _cas(m, access, view, *rest):
    index, old, value = rest if len(rest) == 3 else (np.int64(0), *rest)
    return update(m, access, view, index, "cas", value, compare=old)


add, sub, min_, max_ = _atomic("add"), _atomic("sub"), _atomic("min"), _atomic("max")
nanmin, nanmax = min_, max_
and_, or_, xor = _atomic("and_"), _atomic("or_"), _atomic("xor")
inc, dec, exch = _atomic("inc"), _atomic("dec"), _atomic("exch")
cas = Intrinsic("cuda.atomic.cas", _cas, access=True)
compare_and_swap = Intrinsic("cuda.atomic.compare_and_swap", _cas, access=True)
