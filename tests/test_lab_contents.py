"""The graders are graded: what every lab in labs/ must keep."""

import ast
import importlib.util
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import jupytext
import numpy as np
import pytest

from dlpar.labs import folders, mutation_score
from dlpar.labs.checking import SKELETON, examine, local
from dlpar.labs.folders import hints_of, tasks_of
from dlpar.labs.mutation import mutants_of
from dlpar.labs.notebook import cell_of, code_cells, cut_solutions, defined, text_cells
from dlpar.labs.task import HELD_OUT, PUBLIC

LABS = {path.parent.name: path.parent for path in sorted(folders.HOME.glob("*/lab.md"))}
WRONG = [path for lab in LABS.values() for path in sorted((lab / "wrong").glob("*/*.py"))]
SEEDS = (7, 2026)

each_lab = pytest.mark.parametrize("lab", LABS)


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def functions_of(lab, cells):
    """Return {task: function} of what the cells define, without those that they do not."""
    kinds = {kernel: defined(cells, kernel)[0] for kernel in (False, True)}
    tasks = tasks_of(LABS[lab]).items()
    return {name: kinds[task.kernel][name] for name, task in tasks if name in kinds[task.kernel]}


REFERENCES = {lab: functions_of(lab, code_cells(path / "lab.md")) for lab, path in LABS.items()}


def failures(lab, functions, seed=SEEDS[0], tasks=None):
    """Check all tasks, public and held out; return {task: message} of those that failed."""
    found = {}
    for name, task in (tasks or tasks_of(LABS[lab])).items():
        for check, rng in task.parts(seed).values():
            verdict = examine(task, check, local(functions[name]), rng)
            if not verdict.passed:
                found.setdefault(name, verdict.message)
    return found


@each_lab
@pytest.mark.parametrize("seed", SEEDS)
def test_the_reference_gets_full_marks_whatever_the_seed(lab, seed):
    assert failures(lab, REFERENCES[lab], seed) == {}


@each_lab
def test_the_order_of_the_tasks_does_not_matter(lab):
    tasks = list(tasks_of(LABS[lab]).items())
    random.Random(7).shuffle(tasks)
    assert failures(lab, REFERENCES[lab], tasks=dict(tasks)) == {}


@each_lab
def test_the_skeleton_fails_every_task_and_says_that_it_is_one(lab):
    text = cut_solutions((LABS[lab] / "lab.md").read_text(encoding="utf-8"))
    functions = functions_of(lab, text_cells(text))
    assert failures(lab, functions) == dict.fromkeys(tasks_of(LABS[lab]), SKELETON)


@each_lab
def test_every_task_has_at_least_five_wrong_answers(lab):
    tasks = tasks_of(LABS[lab])
    here = [path.parent.name for path in WRONG if path.is_relative_to(LABS[lab])]
    assert set(here) == set(tasks)
    assert all(here.count(task) >= 5 for task in tasks)


@pytest.mark.parametrize(
    "path", WRONG, ids=lambda path: "-".join([*path.parts[-4:-3], path.parent.name, path.stem])
)
def test_a_wrong_answer_loses_its_task_alone_and_the_message_says_why(path):
    lab, task, module = path.parents[2].name, path.parent.name, load(path)
    assert module.__doc__
    wrong = functions_of(lab, [path.read_text(encoding="utf-8")])
    assert list(wrong) == [task]
    failed = failures(lab, REFERENCES[lab] | wrong)
    assert list(failed) == [task]
    assert re.search(module.CAUGHT, failed[task]), failed[task]


@each_lab
def test_the_checks_catch_every_wrong_answer_and_most_mutants_and_the_page_says_so(lab):
    score = mutation_score(LABS[lab])
    assert [row.task for row in score] == list(tasks_of(LABS[lab]))
    for row in score:
        assert row.caught == row.wrong
        assert len(row.survivors) == row.mutants - row.killed
        assert row.mutants > 0
        assert row.killed >= 0.7 * row.mutants, row.survivors
    assert f"{score.total().killed} of {score.total().mutants}" in score._repr_html_()
    page = (LABS[lab] / "lab.md").read_text(encoding="utf-8")
    assert f"\nmutation_score({int(lab[:2])})\n" in page
    assert "mutation_score" not in cut_solutions(page)


def test_a_mutant_is_one_small_change_and_a_weak_check_lets_some_live(tmp_path):
    source = 'def f(n):\n    """+1."""\n    if n < 2:\n        return 0\n    return n + 1\n'
    changes = [change for change, _ in mutants_of(source, "f")]
    lives = ["if n < 2: -> if n <= 2:", "if n < 2: -> if n < 3:", "return 0 -> return 1"]
    dies = ["if n < 2: -> if not n < 2:", "return n + 1 -> return n - 1"]
    assert sorted(changes) == sorted([*lives, *dies, "return n + 1 -> return n + 2"])
    (tmp_path / "lab.md").write_text(f"```{{code-cell}}\n{source}```\n")
    (tmp_path / "wrong" / "f").mkdir(parents=True)
    (tmp_path / "wrong/f/ends.py").write_text("def f(n):\n    import os\n    os._exit(3)\n")
    (tmp_path / "wrong/f/lives.py").write_text("def f(n):\n    return 9 if n < 2 else 5\n")
    (tmp_path / "checks.py").write_text(
        "from dlpar.labs import Task, same\n"
        "def check(function, rng):\n    yield '4'\n    same(function(4), 5)\n"
        "TASKS = (Task('f', check, check),)\n"
    )
    ((*row, survivors),) = mutation_score(tmp_path)
    assert row == ["f", 2, 1, 6, 3]
    assert sorted(survivors) == sorted(lives)


def _function(cells, task):
    body = ast.parse(cell_of(cells, task)).body
    return next(node for node in body if getattr(node, "name", None) == task)


@each_lab
def test_each_task_has_a_promise_an_own_cell_and_three_hints(lab):
    tasks, hints = tasks_of(LABS[lab]), hints_of(LABS[lab])
    assert list(hints) == list(tasks)
    assert all(len(texts) == 3 and all(texts) for texts in hints.values())
    cells = code_cells(LABS[lab] / "lab.md")
    assert all("BEGIN SOLUTION" in cell_of(cells, task) for task in tasks)
    assert all(ast.get_docstring(_function(cells, task)) for task in tasks)


@each_lab
def test_what_is_folded_has_its_mark_and_its_formulas_in_jupyterlab(lab):
    page = (LABS[lab] / "lab.md").read_text(encoding="utf-8")
    assert "<details" not in page, "JupyterLab shows no mark there, and formulas as they are typed"
    assert page.count("\n:class: dropdown\n") == page.count(":::{admonition}")


@each_lab
def test_points_and_names_agree_with_the_notebook_that_nbgrader_reads(lab):
    notebook = jupytext.read(LABS[lab] / "lab.md")
    meta = [cell.metadata["nbgrader"] for cell in notebook.cells if "nbgrader" in cell.metadata]
    tasks = tasks_of(LABS[lab]).values()
    assert [m["grade_id"] for m in meta if m["solution"]] == [task.name for task in tasks]
    assert [m["points"] for m in meta if m["grade"]] == [task.points for task in tasks]
    assert all(task.points > 0 and 0 < task.seconds <= 30 for task in tasks)


@pytest.mark.peer("nbgrader")
@each_lab
def test_nbgraders_own_generate_assignment_takes_the_source_unchanged(lab, tmp_path):
    (tmp_path / "source" / "ps").mkdir(parents=True)
    source = jupytext.read(LABS[lab] / "lab.md")
    jupytext.write(source, tmp_path / "source" / "ps" / f"{lab}.ipynb")
    argv = [sys.executable, "-m", "nbgrader", "generate_assignment", "ps", "--create"]
    scripts = str(Path(sys.executable).parent)  # nbgrader calls `alembic`
    env = os.environ | {"PATH": os.pathsep.join([scripts, os.environ["PATH"]])}
    done = subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    release = jupytext.read(tmp_path / "release" / "ps" / f"{lab}.ipynb")
    holes = [cell for cell in release.cells if "raise NotImplementedError" in cell.source]
    assert not any("SOLUTION" in cell.source for cell in release.cells)
    assert [c.metadata["nbgrader"]["grade_id"] for c in holes] == list(tasks_of(LABS[lab]))


@each_lab
def test_how_many_inputs_there_are_does_not_depend_on_the_seed_and_words_repeat(lab):
    def words(task, seed):
        heard = []
        for check, rng in task.parts(seed).values():
            examine(task, check, local(REFERENCES[lab][task.name]), rng, heard.append)
        return heard

    for task in tasks_of(LABS[lab]).values():
        assert words(task, 7) == words(task, 7)
        assert len(words(task, 7)) == len(words(task, 8)) >= 2


@each_lab
def test_what_is_shown_after_success_is_a_figure_or_a_table(lab):
    for name, task in tasks_of(LABS[lab]).items():
        if task.show is not None:
            assert "<" in task.show(REFERENCES[lab][name])._repr_html_()


@each_lab
def test_the_held_out_part_has_inputs_of_its_own(lab):
    for task in tasks_of(LABS[lab]).values():
        parts = task.parts(7)
        assert list(parts) == [PUBLIC, HELD_OUT]
        assert parts[PUBLIC][1].integers(2**60) != parts[HELD_OUT][1].integers(2**60)
    assert np.array_equal(
        task.parts(7)[HELD_OUT][1].random(3), task.parts(7)[HELD_OUT][1].random(3)
    )
