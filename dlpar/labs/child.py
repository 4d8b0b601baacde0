"""`python -m dlpar.labs.child LAB TASK LEARNER REPORT LIMIT`: check one task in this process.

LEARNER is a notebook, or a pickle of the function as it stands in a running one. Each line of the
report is a JSON list: the input in words as it is tried, at last the Verdict.
"""

import contextlib
import faulthandler
import json
import linecache
import pickle
import sys
from pathlib import Path

from dlpar.labs.checking import Verdict, examine, local
from dlpar.labs.folders import tasks_of
from dlpar.labs.notebook import code_cells, defined
from dlpar.labs.task import PUBLIC

MEMORY = 4 * 2**30  # bytes of address space


def verdict_on(number, name, learner, on_input=lambda words: None):
    """Return the Verdict on the learner's function `name`."""
    task = tasks_of(number, name)[name]
    try:
        function, fault = _function(learner, task)
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
        return Verdict(name, False, f"your notebook cannot be read: {said}")
    if function is None:
        return Verdict(name, False, fault)
    check, rng = task.parts()[PUBLIC]
    return examine(task, check, local(function), rng, on_input)


def missing(name, broken, kernel=False):
    """Say that the notebook has no function `name`; broken : {code cell: (message, line)}."""
    what = "kernel, with @cuda.jit above its def, called" if kernel else "function"
    said = f"your notebook defines no {what} {name}"
    for cell, (message, line) in broken.items():
        said += f"; code cell {cell} does not parse: {message}, line {line}"
    return said


def _function(learner, task):
    """Return (function, "") or (None, why there is none)."""
    if learner.suffix == ".pickle":  # from this learner's own notebook
        known, function = pickle.loads(learner.read_bytes())
        linecache.cache.update(known)  # first: what the function is made of may look there
        return pickle.loads(function), ""
    namespace, broken = defined(code_cells(learner), task.kernel)
    if callable(namespace.get(task.name)):
        return namespace[task.name], ""
    faults = {cell: (fault.msg, fault.lineno) for cell, fault in broken.items()}
    return None, missing(task.name, faults, task.kernel)


def _limit_this_process():
    """Where the kernel can, let this process start no other and take no more memory than MEMORY.

    That is for a learner's own machine; it keeps no secret. Submissions run in the sandbox.
    """
    if sys.platform == "linux":
        import resource

        from dlpar.labs.sandbox import seccomp

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        with contextlib.suppress(OSError):
            seccomp.install(seccomp.filter_for(rank=True))


def main(number, task, learner, report, limit):
    """Write the inputs and the Verdict to the file `report`; exit after `limit` s at the latest."""
    _limit_this_process()
    faulthandler.dump_traceback_later(float(limit), exit=True)
    place = int(number) if number.isdigit() else Path(number)
    with open(report, "w", encoding="utf-8") as file:

        def write(entry):
            print(json.dumps(entry), file=file, flush=True)

        write(verdict_on(place, task, Path(learner), lambda words: write([words])))


if __name__ == "__main__":
    main(*sys.argv[1:])
