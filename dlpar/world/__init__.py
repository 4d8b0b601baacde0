"""Two clusters for one program: real processes, and one process on a virtual clock."""

from dlpar.world.constants import (
    ANY_SOURCE,
    ANY_TAG,
    IN_PLACE,
    MAX,
    MIN,
    PROC_NULL,
    PROD,
    SUM,
    UNDEFINED,
    MPIError,
    Status,
)
from dlpar.world.faults import Drop, Duplicate, Exit, Faults, Kill, Raise, Reorder, Slow, Stop
from dlpar.world.fitting import fit_alpha_beta
from dlpar.world.network import Network
from dlpar.world.phantom import phantom
from dlpar.world.real.run import run
from dlpar.world.topology import Link, Topology
from dlpar.world.trace import Message, Outcome, Span, Trace
from dlpar.world.virtual.deadlock import Deadlock
from dlpar.world.virtual.simulate import simulate
from dlpar.world.work import clock, pause, work

__all__ = [
    "ANY_SOURCE",
    "ANY_TAG",
    "IN_PLACE",
    "MAX",
    "MIN",
    "PROC_NULL",
    "PROD",
    "SUM",
    "UNDEFINED",
    "Deadlock",
    "Drop",
    "Duplicate",
    "Exit",
    "Faults",
    "Kill",
    "Link",
    "MPIError",
    "Message",
    "Network",
    "Outcome",
    "Raise",
    "Reorder",
    "Slow",
    "Span",
    "Status",
    "Stop",
    "Topology",
    "Trace",
    "clock",
    "fit_alpha_beta",
    "pause",
    "phantom",
    "run",
    "simulate",
    "work",
]
