"""One rank of `run`: what an engine does with a call."""

import contextlib
import faulthandler
import functools
import os
import pickle
import signal
import sys
import time
from pathlib import Path

from dlpar.world.real import board, errors


def serve(call, ranks, path, cwd):
    """Run one call's program on this engine; return (pickled result, log).

    call : int, the call's number; path, cwd : the caller's `sys.path` and working directory.
    The file `<call>.in` holds the pickled (program, args). What the program prints goes to
    `<call>-<rank>.out`; an exception, pickled, to `<call>-<rank>.error`.
    """
    from dlpar.world.real import log as logs

    control = group(ranks)
    rank = control.Get_rank()
    folder = Path(os.environ[board.FOLDER])
    stem = folder / f"{call}-{rank}"
    slot = _slots()[rank]
    _dump_on_signal()
    slot[board.WHAT] = 0
    slot[board.CALL] = call
    slot[board.STATE] = board.RUNNING
    sys.path[:] = path
    os.chdir(cwd)
    log = logs.Log(slot)
    with open(f"{stem}.out", "w", buffering=1, encoding="utf-8") as out:
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
                program, args, faults = _unpickled(folder / f"{call}.in")
                if faults is not None:
                    log.striker = _striker(faults, rank, f"{stem}.strikes", _slots()[:ranks], log)
                reply = pickled_result(run_program(program, args, control, log))
            state = board.RETURNED
        except BaseException as error:
            with open(f"{stem}.error", "wb") as file:
                file.write(errors.pack(error, rank))
            reply, state, log.raised = None, board.RAISED, True
    slot[board.WHAT] = 0
    slot[board.STATE] = state  # the caller sees it now, even if other ranks never end
    logs.end(control, log)
    return reply, log.entries()


def _unpickled(path):
    try:
        with open(path, "rb") as file:
            return pickle.load(file)
    except ModuleNotFoundError as error:
        raise errors.NotImportable(str(error), name=error.name) from error


def run_program(program, args, control, log):
    """Run `program` on a new communicator of the ranks of `control`; return its value."""
    from dlpar.world.real.traced import TracedComm

    if log.striker is None:
        comm, armed = TracedComm(control.Dup(), log), contextlib.nullcontext()
    else:
        from dlpar.world.real.faulty import FaultyTracedComm

        comm, armed = FaultyTracedComm(control.Dup(), log), log.striker.armed()
    _start_together(control)
    log.started = time.perf_counter()
    try:
        with armed:
            return program(comm, *args)
    finally:
        log.ended = time.perf_counter()


def _striker(faults, rank, path, slots, log):
    from dlpar.world.real.striker import Striker

    def waits(slot):
        return slot[board.WHAT] or slot[board.ENDED] or slot[board.STATE] != board.RUNNING

    others = [slot for r, slot in enumerate(slots) if r != rank]
    return Striker(faults.plan, rank, path, lambda: all(map(waits, others)), log.spans)


def _start_together(control):
    """Wait until all ranks are here."""
    from mpi4py import MPI

    from dlpar.world.real.log import DEATH

    try:
        control.Barrier()
    except MPI.Exception as error:  # a rank was here, went on, and has died already
        if error.Get_error_class() not in DEATH:
            raise


def pickled_result(result):
    """Pickle what a program returned. TypeError if that is not possible."""
    import cloudpickle

    try:
        return cloudpickle.dumps(result)
    except Exception as error:
        raise TypeError(f"the program's result cannot be pickled: {error}") from error


@functools.cache
def group(ranks):
    """Return a communicator of the first `ranks` ranks that no program ever sees."""
    from mpi4py import MPI

    return MPI.COMM_WORLD.Create_group(MPI.COMM_WORLD.Get_group().Incl(range(ranks)))


@functools.cache
def _slots():
    return board.attach(Path(os.environ[board.FOLDER]) / "board")


@functools.cache
def _dump_on_signal():
    """On SIGUSR1, and on a crash, write the stack to `<pid>.stack`, also from within C code."""
    file = open(Path(os.environ[board.FOLDER]) / f"{os.getpid()}.stack", "w")  # noqa: SIM115
    faulthandler.enable(file)
    faulthandler.register(signal.SIGUSR1, file)
