"""One call of `run` on its way: watched on the board until its ranks have ended, or cannot."""

import contextlib
import os
import pickle
import re
import signal
import sys
import time
import traceback

from dlpar.world.faults import Strike
from dlpar.world.real import board, errors
from dlpar.world.real.rank import run_program, serve
from dlpar.world.virtual.armed import Armed
from dlpar.world.virtual.deadlock import circle

GRACE = 0.3  # s that the other ranks get to end, once one has raised
TICK = 0.01  # s between two looks at the board
DUMP_LIMIT = 1.0  # s at most for the stuck ranks to write their stacks


class Call:
    """One call on its way: its ranks' words on the board, their files in the cluster's folder."""

    def __init__(self, cluster, ranks, plan=()):
        cluster.calls += 1
        self.cluster = cluster
        self.number = cluster.calls
        self.slots = dict(enumerate(cluster.slots[:ranks]))
        self.plan = plan
        self.over = False  # whether every rank has ended, and none of them died
        self.dead: dict[int, str] = {}  # where a death ends nobody else: rank -> how it ended

    def replies(self, payload, timeout):
        """Send the program, wait, and return each rank's (pickled result, log); or raise.

        Both are None for a rank that has died, where the others may go on.
        """
        (self.cluster.folder / f"{self.number}.in").write_bytes(payload)
        deadline = time.monotonic() + timeout
        futures = self.cluster.submit(
            len(self.slots), serve, self.number, len(self.slots), sys.path, os.getcwd()
        )
        raised_at = None
        while waiting := [f for r, f in enumerate(futures) if not (f.ready() or r in self.dead)]:
            waiting[0].wait(TICK)
            if self.cluster.ulfm:
                self.dead = {r: how for r, how in self.cluster.dead().items() if r in self.slots}
            now = time.monotonic()
            if loss := self.cluster.lost() if self.cluster.ulfm else self.cluster.loss():
                raise self._lost(loss)
            if self.cluster.ulfm:
                self._end_those_left_standing()
            if raised_at is None and self._in_state(board.RAISED):
                raised_at = now
            if raised_at is not None and now > raised_at + GRACE:
                break
            if raised_at is None and now > deadline:
                raise self._too_long(timeout)
        if self._in_state(board.RAISED):
            self.over = not (waiting or self.dead)
            raise self._raised()
        if len(self.dead) == len(self.slots):
            raise RuntimeError(f"no rank survived: {'; '.join(self._ends())}")
        replies = [(None, None) if r in self.dead else f.get() for r, f in enumerate(futures)]
        self.over = not self.dead
        return replies

    def _end_those_left_standing(self):
        """End ranks that are stopped, once all others have returned: nobody waits for them."""
        returned, running = self._in_state(board.RETURNED), self._in_state(board.RUNNING)
        if not returned or len(returned) + len(running) + len(self.dead) < len(self.slots):
            return
        pids = [self.slots[rank][board.PID] for rank in running]
        if all(map(_is_stopped, pids)):
            for pid in pids:
                os.kill(pid, signal.SIGKILL)

    def strikes(self, zero):
        """Return the Strikes of the plan, times from `zero`; RuntimeError if one never struck."""
        strikes, armed = self._struck(zero)
        if missed := [words for a in armed if (words := a.missed())]:
            raise RuntimeError("; ".join(missed))
        return strikes

    def tell_of_strikes(self, error):
        """Add notes to `error` on what of the plan struck."""
        for fault, rank, _, where in self._struck(0.0)[0]:
            error.add_note(f"planned: {fault} struck rank {rank}, {where}")

    def _struck(self, zero):
        """Return (Strikes in the order of time, an Armed for each fault) from the ranks' records.

        What a dead rank had not met by then was, as far as is known, never met.
        """
        strikes, armed = [], [Armed(fault) for fault in self.plan]
        for rank in self.slots if self.plan else ():
            for what, time_of_day, value in self._records(rank):
                if what == "seen":
                    for i, calls in value.items():
                        armed[i].seen = calls
                else:
                    armed[what].strikes += 1
                    strikes.append(Strike(self.plan[what], rank, time_of_day - zero, value))
        return sorted(strikes, key=lambda strike: strike.time), armed

    def _records(self, rank):
        path = self.cluster.folder / f"{self.number}-{rank}.strikes"
        if path.exists():
            with open(path, "rb") as file, contextlib.suppress(EOFError):
                while True:
                    yield pickle.load(file)

    def _ends(self):
        return [f"rank {rank} {how}" for rank, how in self.dead.items()]

    def _in_state(self, state):
        """Return the ranks, none of them dead, that are in `state` of this call."""
        return [
            rank
            for rank, slot in self.slots.items()
            if (slot[board.CALL], slot[board.STATE]) == (self.number, state)
            and rank not in self.dead
        ]

    def _lost(self, loss):
        """Return the RuntimeError for a process that ended, with the stack that a crash left."""
        dead = next(iter(self.cluster.dead()), None)
        if dead in self.slots and self.slots[dead][board.WHAT]:
            loss = f"{loss}, {self._inside(dead)}"
        others = [
            f"rank {r} {board.stands(self.slots[r])}"
            for r in self._in_state(board.RUNNING)
            if self.slots[r][board.WHAT] and r != dead
        ]
        error = RuntimeError("; ".join([loss, *others]))
        for rank, frames in self._stacks(self.slots).items():
            error.add_note(f"rank {rank} stood at:\n{frames}")
        return error

    def _too_long(self, timeout):
        """Return the TimeoutError that says where each rank that has not ended stands."""
        begun = [r for r, slot in self.slots.items() if slot[board.CALL] == self.number]
        stuck = self._in_state(board.RUNNING)
        stopped = [r for r in stuck if _is_stopped(self.slots[r][board.PID])]
        words = self._ends()
        words += [f"rank {r} is stopped (SIGSTOP), {self._inside(r)}" for r in stopped]
        stuck = [r for r in stuck if r not in stopped]
        words += [f"rank {r} {board.stands(self.slots[r])}" for r in stuck]
        words += [f"rank {r} has not begun" for r in self.slots if r not in begun]
        words += [f"rank {r} has ended" for r in self._in_state(board.RETURNED)]
        if circle := self._circle(stuck):
            words += [f"they wait in a circle: {' -> '.join(map(str, [*circle, circle[0]]))}"]
        error = TimeoutError(f"the program did not end within {timeout:g} s: {'; '.join(words)}")
        for rank in stuck:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.slots[rank][board.PID], signal.SIGUSR1)
        for rank, frames in self._stacks(stuck, limit=DUMP_LIMIT).items():
            error.add_note(f"rank {rank} stands at:\n{frames}")
        return error

    def _inside(self, rank):
        slot = self.slots[rank]
        return f"in {board.call(slot)}" if slot[board.WHAT] else "in no MPI call"

    def _circle(self, ranks):
        """Return ranks that all send, or all receive, in a circle; [] if there is none.

        (A rank that sends to one that receives from it may just need more time.)
        """
        for table in (board.FROM_PEER, board.TO_PEER):
            peers = {r: board.awaited(self.slots[r], table) for r in ranks}
            if found := circle({r: ([peer],) for r, peer in peers.items() if peer is not None}):
                return found
        return []

    def _raised(self):
        """Return the exception of the lowest rank that raised."""
        paths = {r: f"{self.number}-{r}.error" for r in self._in_state(board.RAISED)}
        packed = {r: (self.cluster.folder / path).read_bytes() for r, path in paths.items()}
        return errors.lowest(packed, len(self.slots))

    def _stacks(self, ranks, limit=0.0):
        """Return {rank: its frames as text}, in the order of `ranks`, of the stacks that came.

        limit : s to wait for them; they come in any order.
        """
        paths = {r: self.cluster.folder / f"{self.slots[r][board.PID]}.stack" for r in ranks}
        deadline = time.monotonic() + limit
        frames = {}
        while len(frames) < len(paths):
            for rank, path in paths.items():
                if path.exists() and (text := program_frames(path.read_text())):
                    frames[rank] = text
            if time.monotonic() > deadline:
                break
            time.sleep(TICK)
        return {rank: frames[rank] for rank in ranks if rank in frames}

    def clear(self):
        """Write what the ranks printed, in rank order; remove the call's files."""
        for rank in self.slots:
            path = self.cluster.folder / f"{self.number}-{rank}.out"
            if path.exists():
                sys.stdout.write(path.read_text(encoding="utf-8", errors="replace"))
        for path in self.cluster.folder.glob(f"{self.number}[.-]*"):
            path.unlink()


def _is_stopped(pid):
    import psutil

    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).status() == psutil.STATUS_STOPPED
    return False


def program_frames(dump):
    """Return the frames of the program in a faulthandler dump, most recent last, with source."""
    for thread in dump.split("\n\n"):
        frames = re.findall(r'File "(.*)", line (\d+) in (.*)', thread)
        own = [i for i, (_, _, name) in enumerate(frames) if name == run_program.__name__]
        if own:
            rows = [
                (file, int(line), name, None) for file, line, name in reversed(frames[: own[-1]])
            ]
            return "".join(traceback.StackSummary.from_list(rows).format()).rstrip()
    return ""
