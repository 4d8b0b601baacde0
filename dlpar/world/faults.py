"""What is to go wrong: faults of chosen ranks and messages, declared as data.

A fault of a rank strikes at one of its operations (the third Sendrecv; before, during or after it)
or at a time. "During" is after the call's messages have set out and its receives are posted, and
before it ends: what it was sending never arrives whole. A fault of a message strikes on the way.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np

OPERATIONS = (
    *("Send", "Isend", "Recv", "Irecv", "Sendrecv", "Sendrecv_replace", "Probe", "Iprobe"),
    "Iallreduce",
    "Wait",  # the end of a request, in Wait, Waitall, Waitany or Test
    *("Barrier", "Bcast", "Reduce", "Allreduce", "Gather", "Gatherv", "Scatter", "Scatterv"),
    *("Allgather", "Allgatherv", "Alltoall", "Alltoallv"),
    *("Split", "Dup", "Create_cart", "Sub"),
    *("Revoke", "Shrink", "Agree"),  # with ulfm=True
    "work",  # half done when something strikes "during" it
)
WHEN = ("before", "during", "after")
PLANNED = RuntimeError("a planned fault")


@dataclass(frozen=True)
class RankFault:
    """Strikes rank `rank` at its `nth` call of `on`, or as soon as its clock reaches `at`."""

    rank: int
    on: str | None = None  # one of OPERATIONS; None: whichever it calls
    nth: int = 1  # calls are counted from 1, each rank's own, over all communicators
    when: str = "before"
    at: float | None = None  # s, in place of the three above

    def __post_init__(self):
        """Refuse what could never strike."""
        _check_integer("rank", self.rank, 0)
        _check_integer("nth", self.nth, 1)
        if self.on is not None and self.on not in OPERATIONS:
            raise ValueError(f"on must be one of {', '.join(OPERATIONS)}; got {self.on!r}")
        if self.when not in WHEN:
            raise ValueError(f"when must be one of {', '.join(WHEN)}; got {self.when!r}")
        if self.at is not None:
            _check_number("at", self.at)
            if (self.on, self.nth, self.when) != (None, 1, "before"):
                raise ValueError("a fault strikes at a time, or at an operation: not both")


@dataclass(frozen=True)
class Kill(RankFault):
    """The rank stops for ever, without a word to anyone; its result is None."""


@dataclass(frozen=True)
class Exit(RankFault):
    """The rank's process ends itself, `os._exit(code)`: no more a word to anyone than at a Kill."""

    code: int = 1  # 0 to 255

    def __post_init__(self):
        """Refuse what could never strike, and codes that no process can end with."""
        super().__post_init__()
        _check_integer("code", self.code, 0)
        if self.code > 255:
            raise ValueError(f"code must be at most 255, got {self.code!r}")


@dataclass(frozen=True)
class Stop(RankFault):
    """The rank stands still for ever (SIGSTOP), without a word; what it has sent still arrives."""


@dataclass(frozen=True)
class Raise(RankFault):
    """The rank's program meets an exception there, which it may catch.

    A call that is struck during its work is undone: its receives are withdrawn.
    """

    error: Exception = PLANNED  # a copy of it is raised


@dataclass(frozen=True)
class Slow(RankFault):
    """The rank stands still for `seconds`, or from there on takes `factor` times as long to work.

    One of the two is given; `factor` concerns `work(comm, ...)`.
    """

    seconds: float | None = None  # s
    factor: float | None = None

    def __post_init__(self):
        """Refuse what could never strike, or does nothing."""
        super().__post_init__()
        if (self.seconds is None) == (self.factor is None):
            raise ValueError("Slow needs either seconds= or factor=")
        if self.seconds is not None:
            _check_number("seconds", self.seconds)
        elif not _check_number("factor", self.factor):
            raise ValueError("factor must be above 0")


@dataclass(frozen=True)
class MessageFault:
    """Strikes messages from `source` to `dest` with `tag`; None is any. Ranks are the world's.

    The network's messages are those of Send, Isend and Sendrecv; collectives hide theirs.
    """

    source: int | None = None
    dest: int | None = None
    tag: int | None = None
    nth: int | None = None  # of all messages that fit, counted from 1; None: each of them
    probability: float = 1.0  # with which one that fits is struck

    def __post_init__(self):
        """Refuse what could never strike."""
        for name, least in (("source", 0), ("dest", 0), ("tag", 0), ("nth", 1)):
            if getattr(self, name) is not None:
                _check_integer(name, getattr(self, name), least)
        if not 0 < _check_number("probability", self.probability) <= 1:
            raise ValueError(f"probability must be above 0 and at most 1, got {self.probability!r}")

    def fits(self, source, dest, tag):
        """Tell whether it concerns a message from `source` to `dest` with `tag`."""
        return (
            self.source in (None, source) and self.dest in (None, dest) and self.tag in (None, tag)
        )


@dataclass(frozen=True)
class Drop(MessageFault):
    """The message is lost on the way. Above the eager limit its sender waits for ever."""


@dataclass(frozen=True)
class Duplicate(MessageFault):
    """The network delivers the message twice; the trace has both."""


@dataclass(frozen=True)
class Reorder(MessageFault):
    """The next message between the same two ranks overtakes it, against MPI's promise.

    If none follows, it goes on when nothing else is left to happen, and nothing has struck.
    """


class Strike(NamedTuple):
    """A fault that struck."""

    fault: RankFault | MessageFault
    rank: int  # for a message: its sender
    time: float  # s
    where: str  # as "during Sendrecv 3", or "message 0 to 1, tag 7"


class Faults:
    """A plan of faults, for `simulate(..., faults=)`. Of several for one message the first counts.

    plan : RankFaults and MessageFaults.
    rng : numpy Generator, needed for probabilities below 1; drawn from in the order of sending.
    """

    def __init__(self, plan: Iterable[RankFault | MessageFault], rng=None):
        self.plan = tuple(plan)
        self.rng = rng
        for fault in self.plan:
            if not isinstance(fault, RankFault | MessageFault):
                raise TypeError(f"a fault is a Kill, Raise, Slow, Drop..., got {fault!r}")
            if isinstance(fault, MessageFault) and fault.probability < 1 and rng is None:
                raise ValueError(f"{fault} needs Faults(..., rng=np.random.default_rng(seed))")
        if rng is not None and not isinstance(rng, np.random.Generator):
            raise TypeError(f"rng must be a numpy Generator, got {type(rng).__name__}")

    def check_ranks(self, ranks):
        """Raise ValueError if a fault names a rank that is not among `ranks`."""
        for fault in self.plan:
            if isinstance(fault, RankFault):
                named: tuple[int | None, ...] = (fault.rank,)
            else:
                named = fault.source, fault.dest
            if any(rank is not None and rank >= ranks for rank in named):
                raise ValueError(f"{fault} names a rank that is not among {ranks}")


def _check_integer(name, value, least):
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an int, got {value!r}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value!r}")


def _check_number(name, value):
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if not 0 <= float(value) < math.inf:
        raise ValueError(f"{name} must be finite and at least 0, got {value!r}")
    return value
