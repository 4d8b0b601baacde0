"""A learner's check: each task in a process of its own with a limit of its own.

So an endless loop, a crash or a swarm of processes in one task costs that one only.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dlpar.labs.checking import Verdict


def check_tasks(number, tasks, learner, limit=None):
    """Check the Tasks in `tasks` at the same time; return their Verdicts in order.

    learner : path of a notebook, or of a pickled function (see child.py).
    limit : s of wall time for each, in place of the task's own.
    """
    limits = [task.seconds if limit is None else limit for task in tasks]
    with tempfile.TemporaryDirectory() as folder:
        reports = [Path(folder) / task.name for task in tasks]
        children = [
            _start(number, task.name, report, seconds, learner)
            for task, report, seconds in zip(tasks, reports, limits, strict=True)
        ]
        began = time.monotonic()
        try:
            ends = [_end(c, began + s, s) for c, s in zip(children, limits, strict=True)]
        finally:
            for child in children:
                _stop(child)
        written = zip(tasks, reports, ends, strict=True)
        return [read_verdict(task.name, report, end) for task, report, end in written]


def _start(number, task, report, limit, learner):
    """Start the check of one task; it also ends by itself, should this process die first."""
    words = [number, task, learner, report, limit + 1]
    # -P: a folder `dlpar` in the working directory, as a clone makes it, is not the package.
    argv = [sys.executable, "-P", "-m", "dlpar.labs.child", *map(str, words)]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(
        argv, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=os.name == "posix"
    )


def _end(child, deadline, limit):
    """Wait until a check ends or time is over; say which, for the case that it wrote no verdict."""
    try:
        child.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return f"no answer within {limit:g} s: is there a loop that does not end?"
    return f"your code ended its process (status {child.returncode})"


def _stop(child):
    """End a check and whatever it has started."""
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    child.kill()
    child.wait()


def read_verdict(task, report, end):
    """Return the verdict of a report, or one that says where and how its process ended."""
    lines = report.read_text(encoding="utf-8").splitlines() if report.exists() else []
    entries = [json.loads(line) for line in lines if line.endswith("]")]  # the last may be cut
    if entries and len(entries[-1]) == len(Verdict._fields):
        return Verdict(*entries[-1])
    words = entries[-1][0] if entries else "before the first input"
    return Verdict(task, False, f"{words}: {end}")
