"""The arguments that `run` and `simulate` share, checked before anything starts."""

import math
from numbers import Integral, Real


def check_call(program, ranks, args, timeout):
    """Refuse a call that cannot work.

    program : callable; ranks : int, at least 1; args : tuple or list; timeout : finite s above 0.
    Raises TypeError for a wrong kind of argument, ValueError for a wrong value; both name it.
    """
    if not callable(program):
        raise TypeError(f"program must be a function program(comm, *args), got {program!r}")
    if isinstance(ranks, bool) or not isinstance(ranks, Integral):
        raise TypeError(f"ranks must be an int, got {ranks!r}")
    if ranks < 1:
        raise ValueError(f"ranks must be at least 1, got {ranks!r}")
    if not isinstance(args, tuple | list):
        raise TypeError(
            f"args must be a tuple, as (x,) for one argument, got {type(args).__name__}"
        )
    if isinstance(timeout, bool) or not isinstance(timeout, Real):
        raise TypeError(f"timeout must be a number of seconds, got {timeout!r}")
    if not 0 < float(timeout) < math.inf:
        raise ValueError(f"timeout must be finite and above 0 seconds, got {timeout!r}")
