"""`run`: the same program on real processes, over MPI."""

import os
import pickle
import sys

from dlpar.world.arguments import check_call
from dlpar.world.faults import Faults, RankFault
from dlpar.world.real import board, engines, errors, under_mpiexec
from dlpar.world.real.call import Call
from dlpar.world.real.pairing import trace_of
from dlpar.world.real.reaper import MARK
from dlpar.world.trace import Outcome, Trace


def run(program, ranks, args=(), timeout=60, faults=None, ulfm=False):
    """Run `program(comm, *args)` on real processes, one a rank, that talk over MPI.

    Parameters
    ----------
    program : function of a communicator (mpi4py's names) and `args`, also one defined in a
        notebook; its value is the rank's result. All three travel pickled.
    ranks : int, 1 to 16. (More: `simulate`.)
    args : tuple; every rank gets its own copy.
    timeout : s of wall time for the program. The first call also starts the processes.
    ulfm : whether the others go on when a rank's process dies (Open MPI's User-Level Failure
        Mitigation). Their calls that need it then raise MPIError, MPI_ERR_PROC_FAILED; see Revoke,
        Shrink, Agree, Get_failed. The dead rank's result is None, and its log is lost: the trace
        knows what the survivors did.
    faults : Faults([...]) of ranks, that strike these processes; `out.trace.faults` tells which
        did. (Faults of messages: `simulate`.)

    Returns
    -------
    Outcome: results in rank order; time (s, wall: from the ranks' common start to the end of the
    last); trace.

    Raises
    ------
    TimeoutError : the time is over; it says which ranks have not ended and where each stands.
    RuntimeError : a rank's process ended, or MPI cannot be started; or a fault never struck.
    MPIError, and whatever else a rank raises, with a note that holds that rank's traceback.

    "During" a call is after its non-blocking form has begun, and, for Kill, Exit and Stop, once
    all others wait in calls of theirs, or 0.2 s later; a short message that had set out arrives.
    (Calls without such a form, as Split, have been entered.) A Raise comes before anything has set
    out, so the call can be made again. At a time, it also ends a wait: the receive is withdrawn
    unless its message has come, which is lost; a send, and a part in a collective, are not undone.
    `Slow(factor=)` lengthens `work`: flops are taken at Network's default rate. With a plan,
    collectives are MPI's non-blocking ones.

    What a rank prints appears when the call ends, in rank order. The processes stay for the next
    call, with one BLAS thread each, and end with this process, however it ends.

    Under `mpiexec -n N python -m mpi4py`, all N processes call `run`, the first `ranks` of them are
    the ranks, and all get the same Outcome; a program that does not end in time ends the job.
    """
    check_call(program, ranks, args, timeout)
    _check_faults(faults, ranks)
    if MARK in os.environ:
        raise RuntimeError("run cannot be called by a program that run itself is running")
    if under_mpiexec.here():
        if faults is not None or ulfm:
            raise ValueError("run takes no faults= and no ulfm= under mpiexec: it starts its own")
        return under_mpiexec.run(program, ranks, args, timeout)
    if ranks > board.RANKS:
        raise ValueError(f"ranks must be at most {board.RANKS}, got {ranks}: simulate takes more")
    by_value = set()
    while True:
        try:
            return _run_on_engines(_pickled(program, args, faults), ranks, timeout, faults, ulfm)
        except errors.NotImportable as error:
            # A module that only this process knows, as of a test or a lab: send its code instead.
            if error.name in by_value or error.name not in sys.modules:
                raise
            by_value.add(error.name)
            import cloudpickle

            cloudpickle.register_pickle_by_value(sys.modules[error.name])


def _check_faults(faults, ranks):
    """Refuse a plan that real processes cannot be struck by."""
    if faults is None:
        return
    if not isinstance(faults, Faults):
        raise TypeError(f"faults must be Faults([...]), got {type(faults).__name__}")
    faults.check_ranks(ranks)
    for fault in faults.plan:
        if not isinstance(fault, RankFault):
            raise ValueError(f"faults: {fault} is one of a message, which only simulate can strike")


def _run_on_engines(payload, ranks, timeout, faults, ulfm):
    with engines.lock:
        call = Call(engines.cluster(ranks, ulfm), ranks, faults.plan if faults else ())
        try:
            replies = call.replies(payload, timeout)
            strikes = call.strikes(min(log[0] for _, log in replies if log))
        except Exception as error:
            call.tell_of_strikes(error)
            raise
        finally:
            call.clear()
            if not call.over:  # ranks of this call may still be at it
                engines.stop()
    elapsed, trace = trace_of([log for _, log in replies])
    results = [reply and pickle.loads(reply) for reply, _ in replies]
    return Outcome(results, elapsed, Trace(ranks, trace.messages, trace.spans, strikes))


def _pickled(program, args, faults):
    import cloudpickle

    try:
        return cloudpickle.dumps((program, tuple(args), faults))
    except Exception as error:
        error.add_note("run sends program and args to other processes: they must be picklable")
        raise
