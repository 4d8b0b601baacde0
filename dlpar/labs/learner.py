"""The labs in a notebook: `check, hint, solution = lab(7)`."""

import json
import linecache
import pickle
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from dlpar.labs.checking import SKELETON, Verdict
from dlpar.labs.folders import hints_of, lab_folder, tasks_of
from dlpar.labs.notebook import MARKS, cell_of, code_cells
from dlpar.labs.selfcheck import check_tasks
from dlpar.labs.task import CheckFailure


class Lab(NamedTuple):
    """The three words of a lab's notebook; each takes one of your functions, or its name."""

    check: Callable
    hint: Callable
    solution: Callable


class Passed(NamedTuple):
    """A Verdict, and what the learner's own run looks like."""

    verdict: Verdict
    shown: Any

    def __repr__(self):
        """Say the verdict."""
        return repr(self.verdict)

    def _repr_html_(self):
        said = self.verdict.message.replace("&", "&amp;").replace("<", "&lt;")
        figure = getattr(self.shown, "_repr_html_", lambda: "")() or ""
        return f"<p><strong>passed: {self.verdict.task}</strong><br>{said}</p>{figure}"


class Note(str):
    """A text in Markdown."""

    def __repr__(self):
        """Show the text itself."""
        return str(self)

    def _repr_markdown_(self):
        return str(self)


def lab(number):
    """Return the Lab `number`: `check, hint, solution = lab(7)`.

    check(function) checks the function that you wrote, in a process of its own; it returns the
    verdict with a picture of your own run, and raises CheckFailure if a promise failed.
    hint(function) returns the next hint, from gentle to plain.
    solution(function) returns ours, once you have checked an attempt of your own.

    All raise ValueError if the lab has no such task.
    """
    tasks, hints = tasks_of(number), hints_of(number)
    given: dict[str, int] = {}
    attempted = set()

    def named(function):
        name = function if isinstance(function, str) else getattr(function, "__name__", None)
        if name not in tasks:
            raise ValueError(f"this takes one of your functions: {', '.join(tasks)}")
        return name

    def check(function):
        name = named(function)
        if isinstance(function, str):
            function = getattr(sys.modules["__main__"], name, None)
            if function is None:
                raise ValueError(f"there is no function {name} yet: run its cell first")
        verdict = _checked(number, tasks[name], function)
        if verdict.message != SKELETON:
            attempted.add(name)
        if not verdict.passed:
            raise CheckFailure(verdict.message) from None
        show = tasks[name].show
        return Passed(verdict, show and show(_seen_by_checks(tasks[name], function)))

    def hint(function):
        name = named(function)
        nth = min(given.get(name, 0), len(hints[name]) - 1)
        given[name] = nth + 1
        return Note(f"**Hint {nth + 1} of {len(hints[name])}.** {hints[name][nth]}")

    def solution(function):
        name = named(function)
        if name not in attempted:
            return Note(f"First check an attempt of your own: `check({name})`.")
        source = cell_of(code_cells(lab_folder(number) / "lab.md"), name)
        return Note(f"```python\n{MARKS.sub('', source)}```")

    return Lab(check, hint, solution)


def _checked(number, task, function):
    """Check a function of this notebook in a child process; return the Verdict."""
    if task.kernel:
        return _checked_kernel(number, task, function)
    import cloudpickle

    # The sources of this notebook's cells, which are on no disk: for tracebacks, and for kernels.
    known = {name: entry for name, entry in linecache.cache.items() if entry[1:2] == (None,)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "function.pickle"
        path.write_bytes(pickle.dumps((known, cloudpickle.dumps(function))))
        return check_tasks(number, [task], path)[0]


def _seen_by_checks(task, function):
    """Return the learner's function, or the launch of their kernel."""
    if not task.kernel:
        return function
    from dlpar.labs.kernels import cells_of_notebook, kernels_of

    return kernels_of(cells_of_notebook(function))[0][task.name]


def _checked_kernel(number, task, kernel):
    """Check a kernel of this notebook, from its cells' sources; return the Verdict."""
    from dlpar.labs.kernels import cells_of_notebook

    cells = [{"cell_type": "code", "source": source} for source in cells_of_notebook(kernel)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kernel.ipynb"
        path.write_text(json.dumps({"cells": cells}), encoding="utf-8")
        return check_tasks(number, [task], path)[0]
