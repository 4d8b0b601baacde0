"""How good a lab's checks are: which wrong answers, and which mutants of its solutions, they catch.

`python -m dlpar.labs.mutation LAB` tries them all, each in a process of its own, and prints JSON. A
mutant is the solution with one small change: an operator, a number, a condition, a lost statement.
"""

import ast
import copy
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from dlpar.labs.checking import examine, local
from dlpar.labs.folders import lab_folder, tasks_of
from dlpar.labs.notebook import MAGIC, cell_of, code_cells, defined

SEED = 7  # of the held-out inputs
LIMIT = 6.0  # s for one answer; it is caught if it takes longer
OTHER = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Add, ast.Pow: ast.Mult, ast.MatMult: ast.Mult,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


class Row(NamedTuple):
    """One task: how many wrong answers and mutants there are, and how many are caught."""

    task: str
    wrong: int
    caught: int
    mutants: int
    killed: int
    survivors: list  # the mutants that pass, each as the lines that it changes


class Score(list):
    """The Rows of a lab, as a table."""

    def __repr__(self):
        """Say it in lines."""
        return "\n".join(
            f"{r.task}: {r.caught} of {r.wrong} wrong answers and {r.killed} of {r.mutants} "
            "mutants are caught"
            for r in [*self, self.total()]
        )

    def total(self):
        """Return the Row of all tasks together."""
        survivors = [line for row in self for line in row.survivors]
        wrong, caught, mutants, killed = (
            sum(getattr(row, count) for row in self)
            for count in ("wrong", "caught", "mutants", "killed")
        )
        return Row("all", wrong, caught, mutants, killed, survivors)

    def _repr_html_(self):
        head = "<tr><th>task<th>wrong answers caught<th>mutants of the solution caught</tr>"
        rows = "".join(
            f"<tr><td>{r.task}<td>{r.caught} of {r.wrong}<td>{r.killed} of {r.mutants}</tr>"
            for r in [*self, self.total()]
        )
        return f"<table>{head}{rows}</table>"


def mutation_score(number):
    """Return the Score of lab `number`; it takes some seconds. POSIX only."""
    argv = [sys.executable, "-P", "-m", "dlpar.labs.mutation", str(number)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        raise RuntimeError(f"the mutation score cannot be computed:\n{done.stderr}")
    return Score(Row(*row) for row in json.loads(done.stdout))


def mutants_of(source, task):
    """Yield (what is changed, source) of each mutant of the function `task` in a cell's source."""
    tree = ast.parse(MAGIC.sub("", source))
    before = ast.unparse(tree)
    for nth in range(sum(1 for _ in _changes(_function(tree, task)))):
        mutant = copy.deepcopy(tree)
        change = list(_changes(_function(mutant, task)))[nth]
        change()
        after = ast.unparse(mutant)
        if after != before:
            yield _difference(before, after), after


def _function(tree, task):
    found = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == task]
    return found[-1]


def _changes(function):
    """Yield functions without arguments; each makes one small change to the tree `function`."""
    for node in ast.walk(function):
        if isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp) and type(node.op) in OTHER:
            yield lambda node=node: setattr(node, "op", OTHER[type(node.op)]())
        if isinstance(node, ast.Compare) and type(node.ops[0]) in OTHER:
            yield lambda node=node: node.ops.__setitem__(0, OTHER[type(node.ops[0])]())
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            yield lambda node=node: setattr(node, "value", node.value + 1)
        if isinstance(node, ast.If | ast.IfExp):
            yield lambda node=node: setattr(node, "test", ast.UnaryOp(ast.Not(), node.test))
        for field in ("body", "orelse"):
            lines = getattr(node, field, None)
            for i, line in enumerate(lines if isinstance(lines, list) else ()):
                documents = isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)
                if isinstance(line, ast.Assign | ast.AugAssign | ast.Expr) and not documents:
                    yield lambda lines=lines, i=i: lines.__setitem__(i, ast.Pass())


def _difference(before, after):
    lines = zip(before.splitlines(), after.splitlines(), strict=False)
    return "; ".join(f"{old.strip()} -> {new.strip()}" for old, new in lines if old != new)


def _passes(number, task, cells):
    """Tell whether the function `task` of these cells passes, public and held out."""
    function = defined(cells, task.kernel)[0][task.name]
    verdicts = (examine(task, c, local(function), rng) for c, rng in task.parts(SEED).values())
    return all(verdict.passed for verdict in verdicts)


def _start(number, task, cells):
    """Start a process that ends with status 0 if the answer passes; return its number."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        signal.setitimer(signal.ITIMER_REAL, LIMIT)  # which ends the process
        null = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(null, standard)
        status = 0 if _passes(number, task, cells) else 1
    finally:
        os._exit(status)


def survivors(number, answers, jobs):
    """Return the places in `answers`, a list of (Task, cells), of those that pass."""
    todo, running, passed = list(enumerate(answers)), {}, []
    while todo or running:
        while todo and len(running) < jobs:
            place, (task, cells) = todo.pop()
            running[_start(number, task, cells)] = place
        child, status = os.wait()
        place = running.pop(child)
        if status == 0:
            passed.append(place)
    return passed


def score(number):
    """Return the Rows of lab `number`."""
    folder, tasks = lab_folder(number), tasks_of(number)
    cells = code_cells(folder / "lab.md")
    answers, words = [], []
    for name, task in tasks.items():
        for path in sorted((folder / "wrong" / name).glob("*.py")):
            answers.append((task, [*cells, path.read_text(encoding="utf-8")]))
            words.append((name, "wrong", path.stem))
        for change, source in mutants_of(cell_of(cells, name), name):
            answers.append((task, [*cells, source]))
            words.append((name, "mutant", change))
    for task in tasks.values():
        defined(cells, task.kernel)  # so that what cells import is imported once, not by each child
    passed = set(survivors(number, answers, jobs=os.cpu_count() or 1))
    rows = []
    for name in tasks:
        here = [(kind, said, i in passed) for i, (t, kind, said) in enumerate(words) if t == name]
        wrong = [alive for kind, _, alive in here if kind == "wrong"]
        mutants = [(said, alive) for kind, said, alive in here if kind == "mutant"]
        left = [said for said, alive in mutants if alive]
        rows.append(
            Row(name, len(wrong), wrong.count(False), len(mutants), len(mutants) - len(left), left)
        )
    return rows


def main(number):
    """Print the Rows as JSON."""
    print(json.dumps(score(int(number) if number.isdigit() else Path(number))))


if __name__ == "__main__":
    main(*sys.argv[1:])
