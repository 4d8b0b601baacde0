"""`run` where mpiexec has already started the processes: all of them call it together."""

import contextlib
import faulthandler
import functools
import math
import os
import pickle
import sys
import threading
import time
import traceback

from dlpar.world.real import board, errors
from dlpar.world.real.pairing import trace_of
from dlpar.world.real.rank import group, pickled_result, run_program
from dlpar.world.trace import Outcome

LAST_WORDS = 1.0  # s between a rank's complaint and the end of the job
GRACE = 2.0  # s that the other ranks get to end, once one has raised or timed out
_SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS")  # set by mpiexec


def here():
    """Return whether mpiexec started this process as one of several, or `-m mpi4py` runs it."""
    sizes = (os.environ.get(name, "") for name in _SIZES)
    return "mpi4py.run" in sys.modules or any(s.isdigit() and int(s) > 1 for s in sizes)


def run(program, ranks, args, timeout):
    """See `dlpar.world.real.run`. Every process of the world must call this."""
    from mpi4py import MPI

    world = MPI.COMM_WORLD
    if ranks > world.size:
        raise ValueError(f"ranks must be at most {world.size}, mpiexec's processes; got {ranks}")
    absent = "TimeoutError: not every process of mpiexec's came to this call of run\n"
    with _alarm(timeout + GRACE, _end_job, absent):
        replies = _replies(program, ranks, args, timeout)
    failed = {rank: error for rank, (_, error, _) in enumerate(replies) if error is not None}
    if failed:
        raise errors.lowest(failed, ranks)
    elapsed, trace = trace_of([entries for _, _, entries in replies])
    return Outcome([pickle.loads(reply) for reply, _, _ in replies], elapsed, trace)


def _replies(program, ranks, args, timeout):
    """Take part; return each rank's (pickled result, packed error, log entries)."""
    from dlpar.world.real import log as logs

    several_hosts = _hosts() > 1  # their clocks do not agree
    mine = None
    if _everyone().Get_rank() < ranks:
        control = group(ranks)
        log = logs.Log(memoryview(bytearray(8 * board.WORDS)).cast("q"))
        reply, error = _take_part(program, args, timeout, control, log)
        _meet(error)
        logs.end(control, log)
        mine = reply, error, log.entries(zero=log.started if several_hosts else 0.0)
    else:
        _meet(None)
    return _everyone().allgather(mine)[:ranks]


def _take_part(program, args, timeout, control, log):
    """Run the program as one of the ranks; return (pickled result, None) or (None, its error)."""
    faulthandler.dump_traceback_later(timeout + GRACE, exit=True)  # if no thread gets to run
    try:
        with _alarm(timeout, _too_long, timeout, control.Get_rank(), log.slot):
            return pickled_result(run_program(program, args, control, log)), None
    except BaseException as error:
        log.raised = True
        return None, errors.pack(error, control.Get_rank())
    finally:
        faulthandler.cancel_dump_traceback_later()


@contextlib.contextmanager
def _alarm(seconds, function, *args):
    """Call `function(*args)` from another thread unless the block ends within `seconds`."""
    timer = threading.Timer(seconds, function, args)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _too_long(timeout, rank, slot):
    """Say where this rank stands, and end the job once the others had time to say it too."""
    main = threading.main_thread().ident or 0
    frames = traceback.extract_stack(sys._current_frames()[main])
    first = [frame.name for frame in frames].index(run_program.__name__) + 1
    _end_job(
        f"TimeoutError: the program did not end within {timeout:g} s: "
        f"rank {rank} {board.stands(slot)}\n{''.join(traceback.format_list(frames[first:]))}"
    )


def _meet(error):
    """Wait for every process; with an error, end the job if they do not come within GRACE."""
    end = math.inf if error is None else time.monotonic() + GRACE
    request = _everyone().Ibarrier()
    while not request.Test():
        time.sleep(0.0005)
        if time.monotonic() > end:
            raised = errors.lowest({_everyone().Get_rank(): error}, _everyone().Get_size())
            _end_job("".join(traceback.format_exception(raised)))


def _end_job(message):
    """Write `message`, leave the other ranks LAST_WORDS for theirs, and end them all."""
    from mpi4py import MPI

    sys.stderr.write(message)
    sys.stderr.flush()
    time.sleep(LAST_WORDS)
    MPI.COMM_WORLD.Abort(1)


@functools.cache
def _everyone():
    """Return a communicator of all processes that no program ever sees."""
    from mpi4py import MPI

    return MPI.COMM_WORLD.Dup()


@functools.cache
def _hosts():
    from mpi4py import MPI

    return len(set(_everyone().allgather(MPI.Get_processor_name())))
