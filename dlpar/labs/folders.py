"""Where a lab lies, what its `checks.py` offers, and its hints."""

import importlib.util
import re
from pathlib import Path

from dlpar.labs.task import Task

HOME = Path(__file__).parents[2] / "labs"  # beside the package, in the book's repository
HINTS = re.compile(r"^<!-- hints: (\w+) -->\n(.*?)^<!-- end -->", re.M | re.S)
HINT = re.compile(r"<details><summary>[^\n]*</summary>\n(.*?)\n</details>", re.S)


def lab_folder(number):
    """Return the folder of lab `number`, or of the lab whose folder `number` is.

    Raises FileNotFoundError if the labs are not there, ValueError if there is no such lab.
    """
    if isinstance(number, Path):
        if not (number / "checks.py").is_file():
            raise ValueError(f"{number} is no lab: it has no checks.py")
        return number
    if not HOME.is_dir():
        raise FileNotFoundError(
            "the labs are part of the book's repository, not of the installed package: clone the "
            "repository and install dlpar from there (`pip install -e .`)"
        )
    labs = {int(path.parent.name[:2]): path.parent for path in HOME.glob("[0-9][0-9]-*/lab.md")}
    if number not in labs:
        there = ", ".join(map(str, sorted(labs)))
        raise ValueError(f"there is no lab {number!r}; there is: {there}")
    return labs[number]


def tasks_of(number, task=None):
    """Return lab `number`'s tasks by name, in the lab's order; only `task` if one is named.

    Raises what `lab_folder` raises, and ValueError if the lab has no such task.
    """
    path = lab_folder(number) / "checks.py"
    spec = importlib.util.spec_from_file_location(f"checks_of_lab_{path.parent.name}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise FileNotFoundError(f"lab {number} has no checks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    tasks: dict[str, Task] = {each.name: each for each in module.TASKS}
    if task is not None and task not in tasks:
        raise ValueError(f"lab {number} has no task {task!r}; it has: {', '.join(tasks)}")
    return {name: each for name, each in tasks.items() if task in (None, name)}


def hints_of(number):
    """Return {task: [hint, ...]} of lab `number`, each list from gentle to plain."""
    text = (lab_folder(number) / "hints.md").read_text(encoding="utf-8")
    return {
        task: [hint.strip() for hint in HINT.findall(body)] for task, body in HINTS.findall(text)
    }
