"""The process that mpiexec starts for each rank: it sees how the rank's engine ends."""

import mmap
import os
import signal
import time
from pathlib import Path

from dlpar.world.real import board

CONNECTION = "connection"  # the file that tells an engine where the controller is


def main():
    """Fork: the child becomes an ipyparallel engine, the parent waits and writes how it ended."""
    rank = memoryview(mmap.mmap(-1, 8)).cast("q")  # shared; the engine writes its MPI rank + 1
    child = os.fork()
    if child == 0:
        _become_engine(rank)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if rank[0]:
        slot = board.attach(Path(os.environ[board.FOLDER]) / "board")[rank[0] - 1]
        slot[board.ENDED_AT] = time.monotonic_ns()
        slot[board.ENDED] = board.ended_word(status)
    if board.ULFM in os.environ:
        os.kill(os.getpid(), signal.SIGKILL)  # mpiexec lets the others live after this end alone
    os._exit(status if status >= 0 else 128 - status)  # nonzero: mpiexec ends the others


def _become_engine(rank):
    from ipyparallel.engine.app import main as engine_main
    from mpi4py import MPI

    folder = Path(os.environ[board.FOLDER])
    r = MPI.COMM_WORLD.Get_rank()
    slot = board.attach(folder / "board")[r]
    slot[board.PID] = os.getpid()
    rank[0] = r + 1
    while not (folder / CONNECTION).exists():  # the keeper's patience ends this wait
        time.sleep(0.02)
    os.environ["IPP_CONNECTION_INFO"] = (folder / CONNECTION).read_text()
    engine_main()


if __name__ == "__main__":
    main()
