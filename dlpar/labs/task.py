"""What a lab's `checks.py` is made of: tasks, and the ways in which a check says no."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

PUBLIC_SEED = 0  # of the inputs that `dlpar check` tries; those of `dlpar grade` have its own seed
PUBLIC, HELD_OUT = "public", "held-out"


class CheckFailure(AssertionError):
    """A promise that the learner's function does not keep; the message says which."""

    def _render_traceback_(self):
        """Show the message alone in a notebook: the checks' own lines help nobody."""
        return [f"Not yet: {self}"]


class Task(NamedTuple):
    """One function for the learner to write, and the checks that it must pass.

    A check is a generator function `check(function, rng)`. It yields each input in words *before*
    it tries it, and raises CheckFailure where a promise breaks. It calls `function` with plain
    values (see values.py), callables, Generators, and inside `simulate` with `comm`; it gets back a
    plain, finite value, and the arrays among the arguments as the function left them.

    Of a kernel, `function(grid, block, *args)` is a launch on the lock-step machine. It returns
    what `dlpar.gpu.profile` has counted (see kernels.py).
    """

    name: str  # of the learner's function
    check: Callable  # on the public inputs, which the learner may try at any time
    held_out: Callable  # on inputs that only `dlpar grade` draws, after the submission
    points: int = 1  # for passing every input of both
    par: str = ""  # the counted par that the checks hold it to, in words
    seconds: float = 10.0  # of wall time, for each of the two checks
    show: Callable | None = None  # show(function) -> what a notebook shows once it has passed
    kernel: bool = False  # a GPU kernel: read, launched and counted, never run as Python

    def parts(self, seed=None):
        """Return {part: (check, rng)}: the public part, and with a `seed` the held-out one too."""
        parts = {PUBLIC: (self.check, self._rng(PUBLIC_SEED))}
        if seed is not None:
            parts[HELD_OUT] = (self.held_out, self._rng(seed))
        return parts

    def _rng(self, seed):
        return np.random.default_rng([seed, *self.name.encode()])


def same(got, want, who="your function"):
    """Raise CheckFailure unless `got` is `want`: type, shape, dtype and every element.

    who : the subject of the sentence, as "rank 3".
    """
    if isinstance(want, np.ndarray):
        _same_array(got, want, who)
    elif type(got) is not type(want) or got != want:
        raise CheckFailure(f"{who} returned {_short(got)}, not {_short(want)}")


def close(got, want, rtol=1e-9, atol=0.0, who="your function"):
    """Raise CheckFailure unless `got` is near `want`: |got - want| <= atol + rtol |want|.

    A bool is no number. An array must have the shape of `want`; its dtype is free.
    """
    if isinstance(want, np.ndarray):
        _same_kind(got, want, who)
    elif isinstance(got, bool) or not isinstance(got, int | float):
        raise CheckFailure(f"{who} returned {_short(got)}, not a number")
    off = ~(np.abs(np.asarray(got) - want) <= atol + rtol * np.abs(want))
    if off.any():
        _differs(np.asarray(got), np.asarray(want), off, who)


def _same_array(got, want, who):
    _same_kind(got, want, who)
    if got.dtype != want.dtype:
        raise CheckFailure(f"{who} returned {got.dtype} for {want.dtype}")
    if not np.array_equal(got, want):
        _differs(got, want, got != want, who)


def _same_kind(got, want, who):
    if not isinstance(got, np.ndarray):
        raise CheckFailure(f"{who} returned {type(got).__name__}, not an array")
    if got.shape != want.shape:
        raise CheckFailure(f"{who} returned shape {got.shape}, not {want.shape}")


def _differs(got, want, off, who):
    where = tuple(int(i) for i in np.argwhere(off)[0])
    place = f" at [{', '.join(map(str, where))}]" if where else ""
    raise CheckFailure(f"{who} returned {got[where]}{place}, not {want[where]}")


def _short(value):
    said = repr(value)
    return said if len(said) <= 60 else said[:57] + "..."
