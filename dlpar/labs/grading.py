"""One submission: every task, public and held out, in the sandbox."""

import ast
import hashlib
import importlib.util
import re
from typing import NamedTuple

from dlpar.labs.checking import examine, local
from dlpar.labs.folders import lab_folder, tasks_of
from dlpar.labs.notebook import MAGIC, code_cells, defined
from dlpar.labs.sandbox import Sandbox, StandIn
from dlpar.labs.submissions import cells_of, printable
from dlpar.labs.task import HELD_OUT, PUBLIC

PLACE = re.compile(r", at /\S+:\w+")  # of our own code, in the words of a time that is over
LONGEST = 2000  # characters of a reason


class Assignment(NamedTuple):
    """A lab to grade, with all that a grade depends on beside the submission."""

    number: object  # int, or Path of its folder
    name: str
    seed: int
    digest: str  # of the lab's files and the seed
    modules: tuple  # that the lab's own notebook imports
    inputs: dict  # task -> {part: how many inputs}


def assignment(number, seed):
    """Return the Assignment of lab `number`, whose held-out inputs are drawn from `seed`.

    Raises ValueError if the lab's own solutions do not pass: then nobody is graded.
    """
    folder = lab_folder(number)
    digest = hashlib.sha256()
    for name in ("checks.py", "lab.md", "hints.md"):
        digest.update((folder / name).read_bytes() + b"\0")
    digest.update(str(seed).encode())
    cells = code_cells(folder / "lab.md")
    tasks, inputs = tasks_of(number), {}
    reference = {kernel: defined(cells, kernel)[0] for kernel in {t.kernel for t in tasks.values()}}
    for name, task in tasks.items():
        inputs[name] = {}
        for part, (check, rng) in task.parts(seed).items():
            verdict = examine(task, check, local(reference[task.kernel][name]), rng)
            if not verdict.passed:
                raise ValueError(f"{folder.name}'s own {name} fails with seed {seed}: {verdict}")
            inputs[name][part] = verdict.kept
    modules = imported(cells)
    if True in reference:
        modules += ("dlpar.labs.kernels",)
    return Assignment(number, folder.name, seed, digest.hexdigest(), modules, inputs)


def grade(lab, path, content):
    """Return the grade of a notebook: {"points", "of", "tasks": {task: {...}}, "reason"}.

    content : its bytes. Raises SandboxError if there is no sandbox: then there is no grade.
    """
    try:
        cells = cells_of(path, content)
    except ValueError as error:
        return nothing(lab, f"the notebook cannot be read: {error}")
    results = {}
    with Sandbox(lab.modules) as sandbox:
        for name, task in tasks_of(lab.number).items():
            results[name] = _grade_task(lab, sandbox, cells, name, task)
    return _summed(results, "")


def nothing(lab, reason):
    """Return the grade of a submission that could not be looked at, and why."""
    results = {}
    for name, task in tasks_of(lab.number).items():
        counts = {part: [0, of] for part, of in lab.inputs[name].items()}
        results[name] = {"points": 0, "of": task.points, **counts, "reason": ""}
    return _summed(results, printable(reason))


def _grade_task(lab, sandbox, cells, name, task):
    """Return {"points", "of", "public": [kept, of], "held-out": [kept, of], "reason"}."""
    result = {"points": 0, "of": task.points}
    result |= {part: [0, of] for part, of in lab.inputs[name].items()}
    result["reason"] = ""
    function = StandIn(sandbox, cells, name, task.seconds, task.kernel)
    try:
        for part, (check, rng) in task.parts(lab.seed).items():
            verdict = examine(task, check, function, rng)
            result[part][0] = min(verdict.kept, result[part][1])
            if not verdict.passed:
                said = _readable(verdict.message)
                result["reason"] = said if part == PUBLIC else f"{HELD_OUT}: {said}"
                return result
            function.renew()
    finally:
        function.end()
    result["points"] = task.points
    return result


def _readable(message):
    """Return a verdict's message, in which words of the submission's may stand, for the reports."""
    lines = PLACE.sub("", message)[:LONGEST].splitlines()
    return "\n".join(map(printable, lines))


def _summed(results, reason):
    points = sum(result["points"] for result in results.values())
    of = sum(result["of"] for result in results.values())
    return {"points": points, "of": of, "tasks": results, "reason": reason}


def imported(cells):
    """Return the names of the modules that the cells import, and that are there."""
    names = set()
    for node in (node for source in cells for node in ast.walk(ast.parse(MAGIC.sub("", source)))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return tuple(sorted(name for name in names if importlib.util.find_spec(name)))
