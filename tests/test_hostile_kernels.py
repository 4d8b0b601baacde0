"""Hostile kernels: no code of theirs runs, no counter is avoided, no wrong answer passes."""

import re
from pathlib import Path

import numpy as np
import pytest
from hostile_kernels import AT_ONCE, ENDLESS, HONEST, device, kernel

from dlpar.gpu.lockstep.errors import Race
from dlpar.labs import CheckFailure, Task, grading, same
from dlpar.labs.checking import examine, local
from dlpar.labs.kernels import kernels_of
from dlpar.labs.sandbox import standin

PARS = ("global_load_requests", "global_store_requests")
NOTHING = ("atomic_requests", "barriers", "shared_requests", "local_requests")


def check_triple(function, rng):
    for n in (70, 1, 128):
        yield f"n={n}"
        x = rng.integers(1, 9, n).astype(np.float32)
        before, out = x.copy(), np.full(n, np.nan, np.float32)
        counted = function(-(-n // 64), 64, x, out)
        same(out, 3 * before, "out: your kernel")
        same(x, before, "x: your kernel")
        for name in PARS + NOTHING:
            par = -(-n // 32) if name in PARS else 0
            if counted[name] > par:
                raise CheckFailure(f"{counted[name]} {name.replace('_', ' ')}, par is {par}")


TASKS = (Task("triple", check_triple, check_triple, seconds=3, kernel=True),)
LAB = """```{code-cell}
---
nbgrader: {grade: false, grade_id: triple, solution: true}
---
CELL
```
"""


def verdict_on(source):
    launches, broken = kernels_of([source])
    if "triple" not in launches:
        return None, str(broken)
    task = TASKS[0]
    rng = np.random.default_rng(0)
    verdict = examine(task, check_triple, local(launches["triple"]), rng)
    return verdict.passed, verdict.message


def test_the_honest_kernel_passes():
    assert verdict_on(HONEST) == (True, "3 inputs")


@pytest.mark.parametrize("name", AT_ONCE)
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_a_hostile_kernel_fails_and_is_told_why(name):
    source, said = AT_ONCE[name]
    passed, message = verdict_on(source)
    assert not passed
    assert re.search(said, message), message


@pytest.mark.sandbox
def test_no_hostile_kernel_scores_and_all_others_are_graded(tmp_path, monkeypatch):
    monkeypatch.setattr(standin, "WAIT", 1.0)
    monkeypatch.setattr(grading, "tasks_of", lambda _: {task.name: task for task in TASKS})
    for name in ("checks.py", "hints.md"):
        (tmp_path / name).write_text("TASKS = ()")
    (tmp_path / "lab.md").write_text(LAB.replace("CELL", HONEST))
    lab = grading.assignment(tmp_path, 1)
    some = {name: AT_ONCE[name] for name in list(AT_ONCE)[::9]} | ENDLESS
    scores = {}
    for name, (source, said) in some.items():
        notebook = LAB.replace("CELL", source)
        grade = grading.grade(lab, Path(name + ".md"), notebook.encode())
        scores[name] = grade["points"]
        reason = grade["tasks"]["triple"]["reason"]
        assert said not in ENDLESS.values() or re.search(said, reason), (name, reason)
        assert reason, name
    assert not any(scores.values())
    honest = LAB.replace("CELL", HONEST).encode()
    assert grading.grade(lab, Path("honest.md"), honest)["points"] == 1


def test_lanes_that_are_not_active_make_no_function_fail():
    source = kernel("if i > 0:\n    out[i] = math.gamma(x[i]) + math.lgamma(x[i]) * 0")
    x, out = np.array([-1, 5], np.float32), np.zeros(2, np.float32)
    kernels_of([source])[0]["triple"](1, 2, x, out)
    assert list(out) == [0, 24]


def test_a_square_evaluates_what_it_squares_once():
    x, out = np.arange(32, dtype=np.float32), np.zeros(32, np.float32)
    counted = kernels_of([kernel("out[i] = x[i] ** 2")])[0]["triple"](1, 32, x, out)
    np.testing.assert_array_equal(out, x**2)
    assert (counted["global_load_requests"], counted["flops"]) == (1, 32)
    tally = device("f", "return cuda.atomic.add(x, 0, 1)")
    kernels_of([kernel("out[i] = f(x, i) ** 2", before=tally)])[0]["triple"](1, 32, x, out)
    assert x[0] == 32


def test_a_variable_may_be_assigned_in_all_branches_and_by_those_who_read_it():
    source = kernel(
        "if i > 50:\n    return",
        "if i < 3:\n    v = 1\nelif i < 9:\n    v = 2\nelse:\n    v = x[i]",
        "for j in range(i):\n    if j > 5:\n        break\n    w = j",
        "out[i] = v",
        "if i > 0:\n    out[i] += 100 * w",
    )
    x, out = np.arange(64, dtype=np.float32), np.full(64, -1, np.float32)
    kernels_of([source])[0]["triple"](2, 32, x, out)
    w = np.minimum(np.maximum(x - 1, 0), 5)
    want = np.select([x > 50, x < 3, x < 9], [-1, 1 + 100 * w, 2 + 100 * w], x + 100 * w)
    np.testing.assert_array_equal(out, want)


def test_dynamic_shared_memory_races_by_whatever_type():
    source = kernel(
        "a = cuda.shared.array(0, float32)", "b = cuda.shared.array(0, int32)",
        "a[i] = x[i]", "out[i] = b[31 - i]",
    )  # fmt: skip
    x, out = np.arange(32, dtype=np.float32), np.zeros(32, np.float32)
    with pytest.raises(Race, match=r"reads b\[31\]"):
        kernels_of([source])[0]["triple"](1, 32, x, out, shared=128)


@pytest.mark.parametrize("row", ["m[()]", "m[i // 32, ()]", "m[i // 32, EMPTY]"])
def test_no_index_leaves_an_array_under_a_name_that_does_not_race(row):
    source = kernel(f"row = {row}", "row[i] = 1", before="EMPTY = ()").replace("(x, out)", "(m)")
    with pytest.raises(NotImplementedError, match="an empty tuple is no index"):
        kernels_of([source])[0]["triple"](1, 32, np.zeros((2, 32), np.float32))
