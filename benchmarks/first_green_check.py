"""Wall time from a bare Python to the first green check of a lab; the budget is 2 minutes.

It clones the checkout, makes an environment, installs the package, takes lab 7, fills in the
first task as its reader would, and checks it.

Run with: python benchmarks/first_green_check.py
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dlpar.labs.folders import lab_folder
from dlpar.labs.notebook import MARKS, cell_of, code_cells, replace_cells

ROOT, BUDGET, TASK = Path(__file__).parents[1], 120.0, "ring_pass"


def main():
    """Print the time of each step."""
    with tempfile.TemporaryDirectory() as name:
        desk = Path(name)
        took = dict(steps(desk))
    for step, seconds in took.items():
        print(f"{seconds:6.1f} s  {step}")
    total = sum(took.values())
    print(f"{total:6.1f} s  in all, budget {BUDGET:.0f} s")
    if total > BUDGET:
        raise SystemExit("over budget")


def steps(desk):
    """Yield (step, s), one after another."""
    scripts = desk / "dlpar" / ".venv" / "bin"
    python = getattr(sys, "_base_executable", sys.executable)
    yield run("git clone", ["git", "clone", "--quiet", ROOT, desk / "dlpar"], desk)
    yield run("python -m venv", [python, "-m", "venv", ".venv"], desk / "dlpar")
    yield run(
        "pip install",
        [scripts / "python", "-m", "pip", "install", "-qq", "-e", "."],
        desk / "dlpar",
    )
    yield run("dlpar lab 7", [scripts / "dlpar", "lab", "7", "--md"], desk)
    solve(desk / "my-labs" / f"{lab_folder(7).name}.md")
    yield run(f"dlpar check 7 {TASK}", [scripts / "dlpar", "check", "7", TASK], desk)


def run(step, argv, folder):
    """Return (step, s of wall time)."""
    unset = ("PYTHONPATH", "VIRTUAL_ENV")
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    began = time.perf_counter()
    done = subprocess.run(argv, cwd=folder, stdout=subprocess.PIPE, text=True, env=environment)
    if done.returncode != 0:
        raise RuntimeError(f"{step} failed:\n{done.stdout}")
    return step, time.perf_counter() - began


def solve(copy):
    """Write the solution of the first task into the copy, which takes a reader's own time."""
    right = MARKS.sub("", cell_of(code_cells(lab_folder(7) / "lab.md"), TASK))
    text = copy.read_text(encoding="utf-8")
    text = replace_cells(text, lambda s: right if cell_of([s], TASK) else s)
    copy.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
