"""What strikes one rank of `run`: its share of the plan, counted and carried out as it calls.

The same rules as in simulation (`dlpar.world.virtual.faulty`), on a process that really dies.
"""

import contextlib
import copy
import os
import pickle
import signal
import threading
import time
from collections import Counter, defaultdict

from dlpar.world.faults import Exit, Kill, Raise, RankFault, Slow, Stop
from dlpar.world.network import Network
from dlpar.world.virtual.armed import Inside

PATIENCE = 0.2  # s at most that a rank that is to die in a call leaves its peers to block in theirs
POLL = 0.0005  # s between two looks
ENDS = Kill | Exit | Stop


class Striker:
    """Counts the operations of rank `rank`, and lets `plan` strike it.

    path : file for a record of each strike, written before it.
    peers_wait : tells whether every other rank waits in a call, or has ended.
    """

    def __init__(self, plan, rank, path, peers_wait, spans):
        self.faults = {i: f for i, f in enumerate(plan) if f.rank == rank}
        self.due = {i: f for i, f in self.faults.items() if f.at is not None}  # still to come
        self.path = path
        self.peers_wait = peers_wait
        self.spans = spans
        self.calls = Counter()  # operation, or None for all -> calls
        self.inside = None
        self.slowdown = 1.0
        self.started = time.perf_counter()
        self.timers = []
        self.ended = False
        self.lock = threading.Lock()  # held by whatever strikes

    @contextlib.contextmanager
    def armed(self):
        """Let faults at times strike while the program runs."""
        self.started = time.perf_counter()
        for i, fault in self.due.items():
            if isinstance(fault, ENDS):
                timer = threading.Timer(fault.at or 0.0, self._strike_from_outside, (i, fault))
                timer.daemon = True
                self.timers.append(timer)
                timer.start()
        try:
            yield
        finally:
            with self.lock:
                self.ended = True
                for timer in self.timers:
                    timer.cancel()
            self._record("seen", {i: self.calls[f.on] for i, f in self.faults.items()})

    def carry_out(self, name, call):
        """Return `call()`, operation `name`, unless a fault decides otherwise."""
        if self.inside is not None:
            return call()  # a part of another operation
        self.strike_due(f"before {name}")
        faults, where = self._count(name)
        self._strike(faults["before"], f"before {where}")
        self.inside = Inside(where, faults["during"])
        try:
            value = call()
            self.midway()
        finally:
            self.inside = None
        self.strike_due(f"in {where}")
        self._strike(faults["after"], f"after {where}")
        return value

    def _count(self, name):
        faults = defaultdict(list)
        for operation in (name, None):
            self.calls[operation] += 1
            for i, fault in self.faults.items():
                at_this = fault.at is None and fault.on == operation
                if at_this and fault.nth == self.calls[operation]:
                    faults[fault.when].append((i, fault))
        return faults, f"{name} {self.calls[name]}"

    def midway(self, kind=RankFault):
        """Let what is planned during the operation strike, once; only faults of `kind`."""
        if self.inside is None:
            return
        now = [(i, f) for i, f in self.inside.during if isinstance(f, kind)]
        self.inside.during = [pair for pair in self.inside.during if pair not in now]
        self._strike(now, f"during {self.inside.where}", patience=PATIENCE)

    def strike_due(self, where):
        """Let the Raise and Slow faults strike whose time has come."""
        now = time.perf_counter() - self.started
        for i, fault in sorted(self.due.items(), key=lambda pair: pair[1].at):
            if fault.at <= now and not isinstance(fault, ENDS):
                del self.due[i]
                self._strike([(i, fault)], where)

    def await_done(self, request):
        """Return when `request` is done, or has failed; faults at times strike meanwhile."""
        while any(isinstance(f, Raise | Slow) for f in self.due.values()) and not done(request):
            self.strike_due(f"in {self.inside.where}" if self.inside else "in its wait")
            time.sleep(POLL)

    def work(self, seconds, flops):
        """Let the time pass that slower work takes longer."""
        amount = flops / Network().flops if seconds is None else seconds
        self.carry_out("work", lambda: time.sleep(max(0.0, self.slowdown - 1) * amount))

    def _strike(self, faults, where, patience=0.0):
        for i, fault in faults:
            if isinstance(fault, ENDS):
                self._until_peers_wait(patience)
            with self.lock:
                self._record(i, where)
                self._end(fault)
            if isinstance(fault, Raise):
                raise copy.copy(fault.error)
            if isinstance(fault, Slow) and fault.seconds is not None:
                start = time.perf_counter()
                time.sleep(fault.seconds)
                self.spans.append(("slow", start, time.perf_counter()))
            elif isinstance(fault, Slow):
                self.slowdown *= fault.factor or 1.0

    def _strike_from_outside(self, i, fault):
        with self.lock:
            if not self.ended:
                inside = self.inside
                self._record(i, f"in {inside.where}" if inside else "between two calls")
                self._end(fault)

    def _end(self, fault):
        if isinstance(fault, Exit):
            os._exit(fault.code)
        elif isinstance(fault, Stop):
            os.kill(os.getpid(), signal.SIGSTOP)
        elif isinstance(fault, Kill):
            os.kill(os.getpid(), signal.SIGKILL)

    def _until_peers_wait(self, patience):
        deadline = time.monotonic() + patience
        looks = 0  # that found all waiting; one alone may meet a rank between two calls
        while looks < 3 and time.monotonic() < deadline:
            looks = looks + 1 if self.peers_wait() else 0
            time.sleep(POLL)

    def _record(self, what, value):
        with open(self.path, "ab") as file:
            pickle.dump((what, time.perf_counter(), value), file)


def done(request):
    """Tell whether mpi4py's `request` is done, or has failed, and leave it as it is."""
    from dlpar.world.real.mpi import MPI

    try:
        return request.Get_status()
    except MPI.Exception:
        return True
