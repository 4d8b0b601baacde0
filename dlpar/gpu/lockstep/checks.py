"""What the lock-step machine looks for, and how to have it look for less or more."""

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields, replace


@dataclass(frozen=True)
class Checks:
    """What to check. All that a GPU punishes in silence is on by default."""

    bounds: bool = True  # every index inside its array, dimension by dimension
    # No read of shared or local memory that nobody wrote, or of a variable of other threads only.
    uninitialized: bool = True
    races: bool = True  # no two threads at one element without a barrier between
    barriers: bool = True  # barriers and warp masks reached by all whom they name
    nan: bool = False  # no arithmetic result is NaN
    division: bool = False  # no division by zero
    steps: int = 1_000_000  # iterations of loops in a launch, of one group of blocks


DEFAULT = Checks()
current: ContextVar[Checks] = ContextVar("checks", default=DEFAULT)


@contextmanager
def checks(everything=None, **which):
    """Within `with checks(...)`, launches look for what is named here.

    `checks(False)` switches all off, `checks(True)` all on, NaN and division included; names
    switch one: `checks(races=False)`, `checks(nan=True)`, `checks(steps=10_000)`.
    Raises TypeError for a name that is none of the fields of `Checks`.
    """
    names = {field.name for field in fields(Checks)}
    if unknown := set(which) - names:
        raise TypeError(
            f"no check is called {min(unknown)!r}; there are {', '.join(sorted(names))}"
        )
    chosen = current.get()
    if everything is not None:
        switches = names - {"steps"}
        chosen = replace(chosen, **dict.fromkeys(switches, bool(everything)))
    token = current.set(replace(chosen, **which))
    try:
        yield
    finally:
        current.reset(token)
