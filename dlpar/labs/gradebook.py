"""A course's submissions: graded side by side, each on its own, to be resumed after any end."""

import ctypes
import hashlib
import json
import multiprocessing
import os
import secrets
import signal
import sys
import time
from multiprocessing.connection import wait
from pathlib import Path

from dlpar.labs import reports
from dlpar.labs.folders import lab_folder, tasks_of
from dlpar.labs.grading import assignment, grade, nothing
from dlpar.labs.sandbox import Sandbox, SandboxError
from dlpar.labs.submissions import find

PR_SET_PDEATHSIG = 1
GRACE = 60.0  # s for a submission beyond the time of its tasks
UNSAFE = 4  # exit status of a worker that found no sandbox
TRIES = 2  # of a submission whose worker dies: the first time, the machine may have been short
MEMORY = 4 * 2**30  # bytes of address space of a worker, whatever a submission has it hold
PARTS = 2  # of a task: public and held out


def grade_folder(number, folder, out, *, jobs=None, seed=None, json_file=None, gradescope=None):
    """Grade every submission in `folder` for lab `number`; write the reports; return the status.

    out : path of the CSV. Beside it lie the state, which a later call goes on from, a page with
        the distribution, and a report for each student.
    jobs : how many submissions at once; by default one a core.
    seed : of the held-out inputs; by default drawn once, when nobody can know it yet, and kept with
        the state. json_file : path, or None.
    gradescope : folder for a results.json a student, or None.

    Raises SandboxError if there is no sandbox (nothing was run), ValueError for an unknown lab and
    for one whose own solutions fail, FileNotFoundError if there are no submissions.
    """
    out = Path(out)
    if jobs is not None and jobs < 1:
        raise ValueError(f"jobs must be at least 1, got {jobs}")
    with Sandbox():
        pass  # before anything else: without it nothing is graded
    submissions = find(folder, lab_folder(number).name)
    if not submissions:
        raise FileNotFoundError(f"there is no submission in {folder}")
    state = out.with_suffix(".state")
    state.mkdir(parents=True, exist_ok=True)
    lab = assignment(number, _kept_seed(state) if seed is None else seed)
    if jobs is None:
        jobs = len(os.sched_getaffinity(0))
    grades = _all_graded(lab, submissions, state, jobs)
    reports.write(lab, grades, out, json_file, gradescope)
    return 0


def _kept_seed(state):
    """Return the seed that `state` keeps; draw it if there is none."""
    file = state / "seed"
    if not file.exists():
        reports.replace(file, str(secrets.randbits(48)))
    return int(file.read_text(encoding="utf-8"))


def _all_graded(lab, submissions, state, jobs):
    """Return {student: grade}; grade those that `state` does not hold."""
    from tqdm import tqdm

    tqdm.monitor_interval = 0  # its thread and our forks do not go together
    grades, todo = {}, []
    for submission in submissions:
        entry = Entry(lab, submission, state)
        grades[submission.student] = entry.known()
        if grades[submission.student] is None:
            todo.append(entry)
    done = len(submissions) - len(todo)
    quiet = not sys.stderr.isatty()
    with tqdm(total=len(submissions), initial=done, unit="submission", disable=quiet) as bar:
        for entry in _graded(lab, todo, jobs):
            grades[entry.submission.student] = entry.known() or entry.given_up
            bar.update()
    return grades


class Entry:
    """A submission, and where its grade is kept."""

    def __init__(self, lab, submission, state):
        self.submission = submission
        self.content, self.fault = b"", ""
        try:
            self.content = submission.read()
        except ValueError as error:
            self.fault = str(error)
        digest = hashlib.sha256(self.content + b"\0" + self.fault.encode() + lab.digest.encode())
        self.key = digest.hexdigest()
        name = hashlib.sha256(submission.student.encode()).hexdigest()[:24]
        self.file = state / f"{name}.json"
        self.tries, self.given_up = 0, None
        self.content = b""  # the worker reads it again; two hundred of them would be large

    def known(self):
        """Return the grade that was kept for just this content, lab and seed, or None."""
        try:
            kept = json.loads(self.file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return kept["grade"] if kept.get("key") == self.key else None

    def keep(self, grade):
        """Keep a grade, whole or not at all."""
        kept = {"student": self.submission.student, "key": self.key, "grade": grade}
        reports.replace(self.file, json.dumps(kept))


def _graded(lab, todo, jobs):
    """Yield each entry once it is graded; `jobs` workers at a time, one for each entry.

    A worker that dies costs its own submission only, and is tried once more. Such a grade is not
    kept: the next run tries again.
    """
    context = multiprocessing.get_context("fork")
    limit = PARTS * sum(task.seconds for task in tasks_of(lab.number).values()) + GRACE
    waiting = list(reversed(todo))
    running: dict = {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                entry = waiting.pop()
                worker = context.Process(target=_work, args=(lab, entry, os.getpid()))
                worker.start()
                running[worker.sentinel] = (worker, entry, time.monotonic() + limit)
            for sentinel in wait(list(running), timeout=1.0) or _late(running):
                worker, entry, _ = running.pop(sentinel)
                late = worker.is_alive()
                worker.kill()  # if it is late; its sandbox dies with it
                worker.join()
                if worker.exitcode == UNSAFE:
                    with Sandbox():
                        pass  # which raises SandboxError if there is none for anybody
                if entry.known() is None:
                    entry.tries += 1
                    if entry.tries < TRIES and not late:
                        waiting.append(entry)
                        continue
                    said = f"the grader gave up (status {worker.exitcode})"
                    entry.given_up = nothing(lab, said)
                yield entry
    finally:
        for worker, _, _ in running.values():
            worker.kill()
            worker.join()


def _late(running):
    now = time.monotonic()
    return [sentinel for sentinel, (_, _, deadline) in running.items() if now > deadline]


def _work(lab, entry, parent):
    """Grade one entry in a process of its own, which dies with its parent."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    import resource  # which is not everywhere, as the sandbox is not

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    if os.getppid() != parent:
        os._exit(1)
    try:
        if entry.fault:
            entry.keep(nothing(lab, f"the notebook cannot be read: {entry.fault}"))
        else:
            submission = entry.submission
            entry.keep(grade(lab, submission.path, submission.read()))
    except SandboxError:
        os._exit(UNSAFE)
