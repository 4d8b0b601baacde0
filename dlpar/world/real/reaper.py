"""Ends every process of a cluster, also of one whose owner was killed."""

import contextlib
import os
import signal
import time
from pathlib import Path

_SEGMENT = "/dev/shm/mpich_shm_"
MARK = "DLPAR_CLUSTER"  # environment variable that every process of a cluster inherits


def family(mark):
    """Return the live processes whose environment holds `mark`, except this one.

    The mark is read from the process itself, so a reused process id is never mistaken for ours,
    and processes that changed parent, group or session are still found.
    """
    import psutil

    members = []
    for process in psutil.process_iter():
        try:
            ours = process.environ().get(MARK) == mark and process.pid != os.getpid()
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process)
        except (psutil.Error, OSError):
            continue  # another user's, or gone meanwhile
    return members


def kill_family(mark, limit=3.0):
    """Kill every process that holds `mark`; return those still alive after `limit` seconds.

    MPICH's shared memory, which only a process that ends by itself removes, goes too.
    """
    import psutil

    deadline = time.monotonic() + limit
    segments = set()
    while members := family(mark):
        for process in members:
            with contextlib.suppress(psutil.Error, AttributeError):  # macOS has no memory_maps
                segments |= {m.path for m in process.memory_maps() if _SEGMENT in m.path}
        for process in members:
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGKILL)  # psutil compares the creation time first
        if time.monotonic() > deadline:
            return members
        time.sleep(0.01)
    for segment in segments:
        Path(segment).unlink(missing_ok=True)
    return []
