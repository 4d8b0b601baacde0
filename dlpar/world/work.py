"""Declare how long a computation takes, where time is declared; read the time; let it pass."""

import math
import time


def work(comm, *, seconds=None, flops=None):
    """Let a computation of `seconds` s, or of `flops` operations, pass on this rank.

    In `simulate` the rank's clock moves on (flops at `Network.flops` a second) and the trace gets
    a span "work". On real processes time passes by itself, so nothing happens.

    Raises ValueError unless exactly one of the two is given, and is finite and at least 0.
    """
    if (seconds is None) == (flops is None):
        raise ValueError("work needs either seconds= or flops=")
    name, amount = ("seconds", seconds) if flops is None else ("flops", flops)
    if not (math.isfinite(amount) and amount >= 0):
        raise ValueError(f"work {name} must be finite and at least 0, got {amount!r}")
    declare = getattr(comm, "declare_work", None)
    if declare is not None:
        declare(seconds, flops)


def clock(comm):
    """Return this rank's time, in s: virtual in `simulate`, the machine's on real processes.

    For limits: a rank that polls (`Iprobe`, `Test`) can give up when its time is over. Two ranks'
    clocks need not agree.
    """
    read = getattr(comm, "read_clock", time.perf_counter)
    return read()


def pause(comm, seconds):
    """Let `seconds` s pass without work, between two looks at what has come.

    In `simulate` the rank's clock moves on, and the trace has nothing there; on real processes
    this one sleeps, and leaves its core to the others.
    """
    getattr(comm, "declare_pause", time.sleep)(seconds)
