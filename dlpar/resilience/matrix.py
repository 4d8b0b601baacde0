"""The fault matrix: every fault, at every moment, in every system, and what came of it.

A cell is "complete" (all is right), "partial" (right, over the ranks that it names), "named" (an
error whose words name rank, operation and peer), or a failure: "unnamed" or "WRONG". The plain
systems rely on MPI's promise; the guarded ones stamp messages, and outlive deaths.
"""

import functools
import re
from typing import Any, NamedTuple

import numpy as np

from dlpar.resilience import systems
from dlpar.resilience.systems import RANKS, VICTIM
from dlpar.world import (
    Drop,
    Duplicate,
    Exit,
    Faults,
    Kill,
    Raise,
    Reorder,
    Slow,
    Stop,
    run,
    simulate,
)

WHEN = ("before", "during", "after")
OF_RANKS = (Raise, Exit, Kill, Stop, Slow)
OF_MESSAGES = (Drop, Duplicate, Reorder)
CALM_LIMIT = 60.0  # s
SURE = 1 - 2**-40  # a Reorder that nothing can overtake is no mistake in the plan
LIMIT = 20  # s of wall time that a simulation gets; a hang is a Deadlock long before
OPERATION = re.compile(
    r"\b(send|receive|Send|Recv|Sendrecv|Isend|Irecv|Wait|Agree|Probe|answered)\b"
)


class System(NamedTuple):
    """One row of systems: its two programs, and where it is struck."""

    plain: Any
    guarded: Any
    victim: int
    at: tuple[str, int, int]  # operation, and which call of it, plain and guarded: in round 2
    dest: tuple[int, int]  # to whom the messages go that are struck, plain and guarded
    messages: tuple[int, int, int]  # which of them: before, during, after
    right: Any  # function of the members


SYSTEMS = {
    "ring": System(
        systems.plain_ring,
        systems.guarded_ring,
        VICTIM,
        ("Sendrecv", 8, 8),
        (3, 3),
        (7, 9, 12),
        systems.right_sum,
    ),
    "tree": System(
        systems.plain_tree,
        systems.guarded_tree,
        VICTIM,
        ("Send", 3, 3),
        (0, 0),
        (1, 2, 3),
        systems.right_sum,
    ),
    "parameter server": System(
        systems.plain_server,
        systems.guarded_server,
        0,
        ("Send", 5, 5),
        (2, 2),
        (1, 2, 3),
        systems.right_total,
    ),
    "data-parallel loop": System(
        systems.plain_training,
        systems.guarded_training,
        VICTIM,
        ("Sendrecv", 8, 8),
        (3, 3),
        (7, 9, 12),
        None,
    ),
}


class Cell(NamedTuple):
    """One cell of the matrix."""

    system: str
    guarded: bool
    fault: str
    when: str
    outcome: str  # complete, partial, named; unnamed, WRONG
    words: str  # of the error, or whose contributions are in


def fault_matrix(names=tuple(SYSTEMS), kinds=OF_RANKS + OF_MESSAGES, guarded=(False, True)):
    """Strike each system by each fault at each moment, in simulation; return the Cells.

    A message fault's moments are the first message of the struck round, one in its middle, and the
    last; where the victim sends one a round, that of the first round, the second, the third.
    """
    return [
        simulated_cell(name, guard, kind, when)
        for name in names
        for guard in guarded
        for kind in kinds
        for when in WHEN
    ]


def simulated_cell(name, guard, kind, when):
    """Return the Cell of one fault in simulation."""
    system = SYSTEMS[name]
    program = system.guarded if guard else system.plain
    try:
        out = simulate(
            program,
            RANKS,
            timeout=LIMIT,
            faults=Faults([planned(system, guard, kind, when)], rng=np.random.default_rng(0)),
            ulfm=guard,
        )
    except Exception as error:
        return Cell(name, guard, kind.__name__, when, *judged_error(error, system.victim))
    outcome, words = judged(name, guard, out.results)
    if not out.trace.faults:
        words += "; nothing followed that could overtake it"
    return Cell(name, guard, kind.__name__, when, outcome, words)


def planned(system, guard, kind, when):
    """Return the fault of one cell."""
    if kind in OF_MESSAGES:
        nth = system.messages[WHEN.index(when)]
        return kind(system.victim, system.dest[guard], nth=nth, probability=SURE)
    on, *nth = system.at
    on = "Isend" if on == "Send" and guard and system.victim == 0 else on
    more = {"seconds": 0.2} if kind is Slow else {}
    return kind(system.victim, on=on, nth=nth[guard], when=when, **more)


def judged(name, guard, results):
    """Return (outcome, words) of what the ranks brought home: None are the dead and servers."""
    told = [result for result in results if result is not None]
    if not told:
        return "unnamed", "nobody brought anything home"
    whole = _whole(name, guard)
    for value, members, *more in told:
        if not np.array_equal(value, _right(name, guard, members, *more)):
            return "WRONG", "a wrong result, and no word"
    if any(members != told[0][1] for _, members, *_ in told):
        return "WRONG", "the ranks do not agree on whose contributions are in"
    members = told[0][1]
    if SYSTEMS[name].right is None:
        sizes = " then ".join(map(str, members))
        return "complete", f"as {sizes} workers do it, bit for bit"
    if members == whole:
        return "complete", "all contributions are in"
    return "partial", f"contributions of ranks {', '.join(map(str, members))}"


def _right(name, guard, members, step=0):
    system = SYSTEMS[name]
    if system.right is not None:
        return system.right(members)
    return _trained(guard, members, step)


@functools.cache
def _trained(guard, sizes, step):
    """Return the parameters of a training without faults by teams of these sizes."""
    if not guard:
        return simulate(systems.plain_training, RANKS).results[0][0]

    def workers(t):
        return sizes[-1] if t >= step else sizes[0]

    return simulate(systems.guarded_training, RANKS, (workers,), ulfm=True).results[0][0]


@functools.cache
def _whole(name, guard):
    program = SYSTEMS[name].guarded if guard else SYSTEMS[name].plain
    told = simulate(program, RANKS, ulfm=guard).results
    return next(result[1] for result in told if result is not None)


def judged_error(error, victim):
    """Return ("named" or "unnamed", the words): they name the victim, another rank, and a call."""
    notes = [n for n in getattr(error, "__notes__", ()) if not n.startswith("planned:")]
    words = "; ".join([str(error), *(note.splitlines()[0] for note in notes)])
    ranks = set(re.findall(r"\b(?:rank|server|worker|from|to) (\d+)", words))
    named = str(victim) in ranks and len(ranks) > 1 and OPERATION.search(words)
    return ("named" if named else "unnamed"), words


def real_cell(name, guard, kind, when, limit=4.0):
    """Return the Cell of a fault of a rank on real processes, by `run` with `limit` s.

    A calm run goes before: processes that are new import what they need then, not within the limit.
    """
    system = SYSTEMS[name]
    program = system.guarded if guard else system.plain
    run(program, RANKS, timeout=CALM_LIMIT, ulfm=guard)
    faults = Faults([planned(system, guard, kind, when)])
    try:
        out = run(program, RANKS, timeout=limit, faults=faults, ulfm=guard)
    except Exception as error:
        return Cell(name, guard, kind.__name__, when, *judged_error(error, system.victim))
    return Cell(name, guard, kind.__name__, when, *judged(name, guard, out.results))
