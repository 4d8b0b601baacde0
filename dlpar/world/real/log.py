"""The log of one rank of `run`, and how its call ends."""

import time
from time import perf_counter
from typing import Any

import numpy as np

from dlpar.world.real.mpi import MPI


class Log:
    """What one rank did: each communicator's sends and receives; the spans in which it waited."""

    striker: Any = None  # what can strike this rank, where there is a plan of faults

    def __init__(self, slot):
        """Start empty; `slot` holds this rank's words on the board."""
        self.slot = slot
        self.spans = []  # (what, start, end)
        self.comms = []  # TracedComms, in the order of their creation
        self.started = self.ended = perf_counter()
        self.raised = False

    def entries(self, zero=0.0):
        """Return the log for `pairing.trace_of`, its times counted from `zero`, in s."""
        spans = [(what, start - zero, end - zero) for what, start, end in self.spans]
        comms = []
        for comm in self.comms:
            sends = [(dest, tag, nbytes, start - zero) for dest, tag, nbytes, start in comm.sends]
            met = [(s, tag, end - zero) for s, tag, end in comm.receives if s is not None]
            comms.append((comm.key, comm.members, sends, met))
        return self.started - zero, self.ended - zero, spans, comms


def end(control, log):
    """Wait until every rank's program has ended, then free the communicators that it used.

    If a message was not received, or a rank raised, they are kept for ever instead: their numbers
    are not used again, so no later call can receive that message.
    """
    try:
        _end(control, log)
    except MPI.Exception as error:
        if error.Get_error_class() not in DEATH:
            raise
        _kept.append(log)  # a rank has died: the survivors are never used again


def _end(control, log):
    request = control.Ibarrier()
    while not request.Test():
        time.sleep(0.0005)  # a blocking Barrier would burn this core until the last rank ends
    for comm in log.comms:
        for pending in list(comm.pending):
            pending.Test()
    loose = np.array([int(log.raised)])
    for comm in log.comms:
        loose += len(comm.pending) + len(comm.sends) - sum(r[0] is not None for r in comm.receives)
    control.Allreduce(MPI.IN_PLACE, loose)
    if loose[0] != 0:
        _kept.append(log)
        return
    for comm in log.comms:
        comm._comm.Free()


# Open MPI's classes of errors for a communicator that has lost a member, with mpiexec's ulfm.
DEATH = [
    getattr(MPI, name)
    for name in ("ERR_PROC_FAILED", "ERR_PROC_FAILED_PENDING", "ERR_REVOKED")
    if hasattr(MPI, name)
]

_kept: list[Log] = []  # logs whose communicators may still hold a message
