"""The labs as a learner meets them: a copy, checks in the shell and in the notebook, hints."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jupytext
import nbformat
import numpy as np
import pytest

from dlpar.labs import CheckFailure, check_lab, close, folders, lab, open_lab, same
from dlpar.labs.checking import SKELETON, examine, local
from dlpar.labs.child import verdict_on
from dlpar.labs.folders import hints_of, lab_folder, tasks_of
from dlpar.labs.notebook import (
    code_cells,
    cut_solutions,
    definitions,
    json_cells,
    replace_cells,
    text_cells,
)
from dlpar.labs.scaffold import new_lab
from dlpar.labs.selfcheck import read_verdict
from dlpar.labs.task import PUBLIC

LAB = lab_folder(7)
TASKS = tasks_of(7)
REFERENCE, _ = definitions(code_cells(LAB / "lab.md"))


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def verdict_of(task, function):
    check, rng = TASKS[task].parts()[PUBLIC]
    return examine(TASKS[task], check, local(function), rng)


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lab_with(old, new):
    """Return the lab's text, with solutions, after one change that must apply."""
    text = (LAB / "lab.md").read_text(encoding="utf-8")
    assert text.count(old) == 1
    return text.replace(old, new)


@pytest.mark.parametrize("kind", ["ipynb", "md"])
def test_the_copy_holds_no_solution_and_is_never_overwritten(desk, capsys, kind):
    path = open_lab(7, kind=kind)
    text = path.read_text(encoding="utf-8")
    assert "SOLUTION" not in text
    assert "hide-input" not in text
    assert text.count("raise NotImplementedError(") == len(TASKS)
    assert "is your copy" in capsys.readouterr().out
    path.write_text("mine", encoding="utf-8")
    assert open_lab(7, kind=kind) == path
    assert "already there" in capsys.readouterr().out
    assert path.read_text(encoding="utf-8") == "mine"


def test_both_kinds_of_copy_hold_the_same_code(desk):
    markdown, notebook = (open_lab(7, kind=kind) for kind in ("md", "ipynb"))
    assert [cell.strip() for cell in code_cells(markdown)] == code_cells(notebook)
    nbformat.validate(nbformat.read(notebook, as_version=4))


@pytest.mark.peer("nbgrader")
def test_nbgrader_takes_the_source_and_cuts_the_same_solutions():
    from nbgrader.preprocessors import CheckCellMetadata, ClearSolutions, DeduplicateIds, LockCells

    text = (LAB / "lab.md").read_text(encoding="utf-8")
    notebook, resources = jupytext.reads(text, fmt="md:myst"), {}
    for preprocessor in (DeduplicateIds, LockCells, ClearSolutions, CheckCellMetadata):
        notebook, resources = preprocessor().preprocess(notebook, resources)
    cells = [cell for cell in notebook.cells if "nbgrader" in cell.metadata]
    solutions = [cell for cell in cells if cell.metadata.nbgrader.solution]
    graded = [cell for cell in cells if cell.metadata.nbgrader.grade]
    assert [cell.metadata.nbgrader.grade_id for cell in solutions] == list(TASKS)
    assert [c.metadata.nbgrader.points for c in graded] == [t.points for t in TASKS.values()]
    assert all("SOLUTION" not in c.source and "NotImplementedError" in c.source for c in solutions)


def test_the_notebooks_check_shows_the_learners_own_run_or_raises_the_promise():
    check, _, _ = lab(7)
    passed = check(REFERENCE["ring_pass"])
    assert "par met: p-1 messages a rank" in repr(passed)
    assert "<svg" in passed._repr_html_()
    wrong = load(LAB / "wrong" / "ring_pass" / "turns_left.py").ring_pass
    with pytest.raises(CheckFailure, match="p=3, n=6: rank 0 sent to rank 2") as caught:
        check(wrong)
    assert caught.value._render_traceback_() == [f"Not yet: {caught.value}"]


@pytest.mark.parametrize("argument", ["ring", None, np.sum])
@pytest.mark.parametrize("word", [0, 1, 2])
def test_each_word_of_a_notebook_names_the_functions_that_it_takes(word, argument):
    with pytest.raises(ValueError, match="ring_pass, reduce_scatter, ring_allreduce"):
        lab(7)[word](argument)


def test_a_function_goes_by_its_name_once_its_cell_has_run(monkeypatch):
    check, _, _ = lab(7)
    with pytest.raises(ValueError, match="run its cell first"):
        check("ring_pass")
    monkeypatch.setattr(sys.modules["__main__"], "ring_pass", REFERENCE["ring_pass"], raising=False)
    assert check("ring_pass").verdict.passed


def test_hints_rise_one_at_a_time_and_the_last_stays():
    _, hint, _ = lab(7)
    hints = hints_of(7)["ring_pass"]
    assert len(set(hints)) == 3
    for nth, text in enumerate([*hints, hints[-1]], 1):
        assert hint("ring_pass") == f"**Hint {min(nth, 3)} of 3.** {text}"
    assert hint(REFERENCE["reduce_scatter"]).startswith("**Hint 1 of 3.**")


def test_a_solution_comes_after_an_attempt_and_a_skeleton_is_none():
    check, _, solution = lab(7)

    def ring_pass(x, comm):
        raise NotImplementedError

    with pytest.raises(CheckFailure, match="still a skeleton"):
        check(ring_pass)
    assert solution("ring_pass") == "First check an attempt of your own: `check(ring_pass)`."

    def ring_pass(x, comm):
        return x

    with pytest.raises(CheckFailure, match="shape"):
        check(ring_pass)
    assert "comm.Sendrecv(rows[give]" in solution("ring_pass")
    assert "SOLUTION" not in solution("ring_pass")
    assert "First" in solution("reduce_scatter")


def test_a_notebooks_function_that_dies_or_hangs_costs_no_kernel(monkeypatch):
    check, _, _ = lab(7)

    def ring_pass(x, comm):
        import os

        os._exit(3)

    with pytest.raises(CheckFailure, match=r"p=1, n=3: your code ended its process \(status 3\)"):
        check(ring_pass)


def test_a_notebooks_check_takes_the_sources_of_all_its_cells_along(monkeypatch):
    import linecache

    check, _, _ = lab(7)
    cells = {
        "/tmp/ipykernel_1/1.py": "def helper(x, rows):\n    return rows\n",
        "/tmp/ipykernel_1/2.py": "def ring_pass(x, comm):\n    import inspect\n"
        "    raise ValueError(inspect.getsource(helper) + inspect.getsource(ring_pass))\n",
    }
    here = {"__name__": "__main__"}
    for name, source in cells.items():  # as ipykernel does with a cell
        entry = (len(source), None, source.splitlines(keepends=True), name)
        monkeypatch.setitem(linecache.cache, name, entry)
        exec(compile(source, name, "exec"), here)
    with pytest.raises(CheckFailure) as caught:
        check(here["ring_pass"])
    assert all(source in str(caught.value) for source in cells.values())


def test_what_a_machine_cannot_run_is_no_skeleton():
    def unsupported(x, comm):
        raise NotImplementedError("ring_pass, line 3: a kernel has no `with`")

    def hole(x, comm):
        raise NotImplementedError("your code here")

    assert "a kernel has no `with`" in verdict_of("ring_pass", unsupported).message
    assert verdict_of("ring_pass", hole).message == SKELETON


def test_an_error_names_the_input_and_the_learners_own_line():
    source = "def ring_pass(x, comm):\n    if comm.rank == 1:\n        return x[99]\n    return x\n"
    functions, _ = definitions([source])
    verdict = verdict_of("ring_pass", functions["ring_pass"])
    assert not verdict.passed
    assert re.match(r"p=1, n=3: rank 0 returned shape", verdict.message)
    functions, _ = definitions([source.replace("comm.rank == 1", "True")])
    verdict = verdict_of("ring_pass", functions["ring_pass"])
    assert re.match(r"p=1, n=3: your code raised IndexError", verdict.message)
    assert "(line 3 of its cell: `return x[99]`)" in verdict.message


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (np.float64("nan"), "returned a number that is not finite"),
        ([1.0, (2.0, {"a": np.array([np.inf])})], "returned a number that is not finite"),
        ({1, 2}, "returned a set, which is no number"),
        (np.array(["a"]), "returned an array of <U1"),
    ],
)
def test_what_no_answer_can_be_is_refused_in_words(result, said):
    with pytest.raises(CheckFailure, match=said):
        local(lambda: result)()


def test_numpys_scalars_reach_a_check_as_pythons():
    got = local(lambda: [np.float64(1.5), np.int64(2), np.bool_(True), (np.float32(0.5),)])()
    assert got == [1.5, 2, True, (0.5,)]
    assert [type(item) for item in got[:3]] == [float, int, bool]


@pytest.mark.parametrize(
    ("got", "want"),
    [
        (1, 1.0),
        (True, 1),
        ("1", 1),
        ([1, 2], (1, 2)),
        (None, 0),
        (np.zeros(3), np.zeros(3, np.float32)),
        (np.zeros((3, 1)), np.zeros(3)),
        (0.0, np.zeros(1)),
        (np.array([1.0, 2.0]), np.array([1.0, 3.0])),
    ],
)
def test_same_tells_apart_what_equality_confuses(got, want):
    with pytest.raises(CheckFailure, match="rank 3 returned"):
        same(got, want, "rank 3")
    same(want, want)


@pytest.mark.parametrize(
    ("got", "want"),
    [
        (float("nan"), 1.0),
        (1.1, 1.0),
        (True, 1.0),
        ("1", 1.0),
        (None, 1.0),
        ([1.0], np.array([1.0])),
        (np.array([np.nan]), np.array([1.0])),
        (np.ones(2), np.ones(3)),
    ],
)
def test_close_takes_numbers_that_are_near_and_nothing_else(got, want):
    with pytest.raises(CheckFailure):
        close(got, want, rtol=0.01)
    close(want, want)
    close(1.0001, 1, rtol=0.01)
    close(np.ones(2, np.float32), np.ones(2))


def test_only_definitions_of_the_notebook_run():
    cells = [
        "%matplotlib inline\nimport math\nK = 3\nhalf = lambda x: x / 2\n!rm -r nothing",
        "raise SystemExit\nfor i in range(10**12): pass\nopen('/nowhere')\nL = open('/nowhere')",
        "def f(x):\n    return half(K * math.floor(x))",
        "def g(x:\n",
    ]
    functions, broken = definitions(cells)
    assert functions["f"](2.5) == 3
    assert list(broken) == [4]


def test_the_shell_passes_the_reference_and_fails_the_skeleton(desk, capsys):
    assert check_lab(7, notebook=LAB / "lab.md") == 0
    assert f"{len(TASKS)} of {len(TASKS)} tasks passed" in capsys.readouterr().out
    open_lab(7)
    assert check_lab(7) == 1
    out = capsys.readouterr().out
    assert f"0 of {len(TASKS)} tasks passed" in out
    assert out.count("still a skeleton") == len(TASKS)


def test_an_endless_loop_is_found_in_the_notebook_and_its_line_is_named(monkeypatch):
    source = "def ring_pass(x, comm):\n    while True:\n        comm.rank\n"
    functions, _ = definitions([source])
    monkeypatch.setitem(TASKS["ring_pass"].check.__globals__, "LIMIT", 1.5)
    verdict = verdict_of("ring_pass", functions["ring_pass"])
    assert not verdict.passed
    assert re.match(
        r"p=1, n=3: is there a loop that does not end\?.*1\.5 s.*code cell 1", verdict.message
    )


def test_a_clone_in_the_working_folder_is_not_taken_for_the_package(desk, capsys):
    (desk / "dlpar" / "book").mkdir(parents=True)
    assert check_lab(7, "ring_pass", LAB / "lab.md") == 0


def test_one_task_that_hangs_or_dies_costs_that_task_only(desk, capsys):
    sleep = "    import time\n\n    time.sleep(60)\n    p, r = comm.size, comm.rank\n    rows ="
    text = lab_with("    p, r = comm.size, comm.rank\n    rows =", sleep)
    die = "    import os\n\n    os._exit(3)\n    total = np.empty_like(x)"
    assert text.count("    total = np.empty_like(x)") == 1
    Path("mine.md").write_text(text.replace("    total = np.empty_like(x)", die), encoding="utf-8")
    assert check_lab(7, notebook="mine.md", limit=9) == 1
    out = capsys.readouterr().out
    assert "ring_pass: p=1, n=3: no answer within 9 s: is there a loop that does not end?" in out
    assert "ring_allreduce: p=1, n=3: your code ended its process (status 3)" in out
    assert "passed   reduce_scatter" in out


def test_a_check_whose_parent_died_ends_by_itself(desk):
    sleep = "def ring_pass(x, comm):\n    import time\n\n    time.sleep(60)\n"
    Path("mine.md").write_text("```{code-cell}\n" + sleep + "```\n", encoding="utf-8")
    argv = [sys.executable, "-m", "dlpar.labs.child", "7", "ring_pass", "mine.md", "report", "6"]
    assert subprocess.run(argv, capture_output=True, timeout=20).returncode != 0
    assert Path("report").read_text(encoding="utf-8") == '["p=1, n=3"]\n'


def test_a_report_cut_short_still_says_which_input_was_tried(desk):
    Path("report").write_text('["p=2, n=4"]\n["p=3, n', encoding="utf-8")
    verdict = read_verdict("ring_pass", Path("report"), "your code ended its process (status 3)")
    assert verdict.message == "p=2, n=4: your code ended its process (status 3)"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("def ring_pass(x, comm):", "def ring_pas(x, comm):"), "defines no function ring_pass"),
        (("def ring_pass(x, comm):", "def ring_pass(x, comm:"), "code cell 2 does not parse"),
        (("import numpy as np\n", "import nump as np\n"), "ModuleNotFoundError"),
    ],
)
def test_a_notebook_that_cannot_be_read_is_explained(desk, change, said):
    Path("mine.md").write_text(lab_with(*change), encoding="utf-8")
    verdict = verdict_on(7, "ring_pass", Path("mine.md"))
    assert not verdict.passed
    assert said in verdict.message


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"number": 99}, "there is no lab 99"),
        ({"number": 7, "task": "ring"}, "lab 7 has no task 'ring'; it has: ring_pass"),
        ({"number": 7, "notebook": "none.md"}, "there is no notebook none.md"),
        ({"number": 7}, "make it with `dlpar lab 7`"),
    ],
)
def test_what_cannot_be_checked_is_said_with_status_2(desk, capsys, arguments, said):
    assert check_lab(**arguments) == 2
    assert said in capsys.readouterr().err


def test_two_copies_of_one_lab_must_be_told_apart(desk, capsys):
    open_lab(7)
    open_lab(7, kind="md")
    assert check_lab(7) == 2
    assert "say which one" in capsys.readouterr().err


def test_an_unknown_kind_of_copy_is_refused(desk):
    with pytest.raises(ValueError, match="kind must be"):
        open_lab(7, kind="pdf")
    assert list(desk.iterdir()) == []


def test_without_the_repository_the_labs_say_where_they_are(desk, monkeypatch):
    monkeypatch.setattr(folders, "HOME", desk / "labs")
    with pytest.raises(FileNotFoundError, match="clone the repository"):
        lab_folder(7)


def test_a_student_copy_keeps_its_checks_and_says_where_hints_are():
    source = (LAB / "lab.md").read_text(encoding="utf-8")
    copy = cut_solutions(source)
    assert "{include}" not in copy
    assert all(f"check({task})" in copy and f"`hint({task})`" in copy for task in TASKS)


def newer_lab(folder, monkeypatch):
    """Put a newer release of lab 7 where the labs are."""
    new = folder / "labs" / LAB.name
    new.mkdir(parents=True)
    for name in ("checks.py", "hints.md"):
        (new / name).write_text((LAB / name).read_text(encoding="utf-8"), encoding="utf-8")
    text = lab_with("# Lab 7: build the ring", "# Lab 7: build the ring, better")
    (new / "lab.md").write_text(text, encoding="utf-8")
    monkeypatch.setattr(folders, "HOME", folder / "labs")


@pytest.mark.parametrize("kind", ["ipynb", "md"])
def test_a_newer_release_is_put_beside_the_copy_with_the_learners_functions(
    desk, monkeypatch, capsys, kind
):
    path = open_lab(7, kind=kind)
    mine = path.read_text(encoding="utf-8").replace("your code here", "my own words", 1)
    path.write_text(mine, encoding="utf-8")
    newer_lab(desk, monkeypatch)
    capsys.readouterr()
    assert open_lab(7, kind=kind) == path
    assert path.read_text(encoding="utf-8") == mine
    (newer,) = path.parent.glob(f"*.release-*.{kind}")
    assert str(newer) in capsys.readouterr().out
    text = newer.read_text(encoding="utf-8")
    assert "build the ring, better" in text
    assert text.count("my own words") == 1
    assert text.count("your code here") == len(TASKS) - 1
    newer.write_text("mine, too", encoding="utf-8")
    open_lab(7, kind=kind)
    assert newer.read_text(encoding="utf-8") == "mine, too"
    assert check_lab(7, notebook=path) == 1  # which is still the copy that counts


def test_cells_are_replaced_within_their_fences():
    text = "a\n```{code-cell}\n:tags: [x]\n1\n```\nb\n````{code-cell} ipython3\n2\n```\n````\n"
    assert text_cells(text) == ["1\n", "2\n```\n"]
    assert replace_cells(text, str.upper) == text
    assert replace_cells(text, lambda _: "new\n").count("new\n") == 2
    assert text_cells("```{code-cell}\nnever closed\n") == []


def test_a_notebook_of_nbformat_3_is_read_and_others_are_named():
    cell = {"cell_type": "code", "input": ["a = 1\n", "b = 2"]}
    assert json_cells(json.dumps({"worksheets": [{"cells": [cell]}]})) == ["a = 1\nb = 2"]
    for text in ("[]", "{}", "3", '{"cells": 3}', '{"cells": [{}]}', "[" * 10**5):
        with pytest.raises(ValueError, match="it is"):
            json_cells(text)
    with pytest.raises(ValueError, match="not JSON"):
        json_cells("{")


@pytest.fixture
def shelf(desk, monkeypatch):
    """Labs of our own: a folder with lab 7 in it."""
    (desk / "labs").mkdir()
    (desk / "labs" / LAB.name).symlink_to(LAB)
    monkeypatch.setattr(folders, "HOME", desk / "labs")
    return desk / "labs"


def test_a_new_lab_passes_the_tests_that_all_labs_must_pass(shelf):
    assert new_lab("halo") == shelf / "08-halo"
    assert new_lab("12-two-words") == shelf / "12-two-words"
    code = "import sys, pathlib, pytest; from dlpar.labs import folders; "
    code += f"folders.HOME = pathlib.Path({str(shelf)!r}); sys.exit(pytest.main(sys.argv[1:]))"
    tests = Path(__file__).with_name("test_lab_contents.py")
    argv = [sys.executable, "-c", code, "-q", "-k", "08-halo or 12-two", "-p", "no:cacheprovider"]
    env = {k: v for k, v in os.environ.items() if k != "DLPAR_TEST_SESSION"}  # it has its own
    done = subprocess.run([*argv, tests], env=env, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) >= 30
    folder = shelf / "08-halo"  # by its path, since a check is a process of its own
    assert check_lab(folder, notebook=open_lab(8)) == 1
    assert check_lab(folder, notebook=folder / "lab.md") == 0


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("07-ring", FileExistsError),
        ("../x", ValueError),
        ("Halo", ValueError),
        ("8-halo", ValueError),
        ("", ValueError),
    ],
)
def test_a_new_lab_has_a_name_of_its_own(shelf, name, error):
    with pytest.raises(error, match="lab"):
        new_lab(name)
    assert [path.name for path in shelf.iterdir()] == [LAB.name]


BOMB = """
def ring_pass(x, comm):
    import os

    while True:
        os.fork()
"""
HOG = """
import numpy as np

def ring_pass(x, comm):
    held = []
    while True:
        held.append(np.zeros(2**27))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux refuses to fork")
@pytest.mark.parametrize(
    ("source", "said"),
    [(BOMB, r"PermissionError.*line 5 of its cell: `os.fork\(\)`"), (HOG, "\\w*MemoryError")],
    ids=["processes", "memory"],
)
def test_a_bomb_is_refused_and_explained_with_its_line(desk, capsys, source, said):
    Path("mine.md").write_text("```{code-cell}" + source + "```\n", encoding="utf-8")
    assert check_lab(7, "ring_pass", "mine.md") == 1
    assert re.search(f"ring_pass: p=1, n=3: your code raised {said}", capsys.readouterr().out)
