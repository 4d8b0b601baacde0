"""Kernels in labs: read and not run, launched on the lock-step machine, counted beyond forging."""

import re
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from dlpar.gpu import cuda as real_cuda
from dlpar.labs import CheckFailure, Task, same
from dlpar.labs import kernels as kernels_module
from dlpar.labs.checking import SKELETON, examine, local
from dlpar.labs.child import verdict_on
from dlpar.labs.folders import lab_folder
from dlpar.labs.grading import assignment, grade
from dlpar.labs.kernels import COUNTERS, cells_of_notebook, kernels_of
from dlpar.labs.learner import _seen_by_checks
from dlpar.labs.sandbox import Sandbox, StandIn

in_sandbox = pytest.mark.sandbox

SCALE = """
from dlpar.gpu import cuda, float32

BY = 3

@cuda.jit(device=True)
def times(x):
    return BY * x

@cuda.jit
def scale(x, out):
    i = cuda.grid(1)
    if i < out.size:
        out[i] = times(x[i])
"""


def check_scale(function, rng):
    for n in (1, 5, 100):
        yield f"n={n}"
        x, out = rng.integers(-9, 9, n).astype(np.float32), np.full(n, np.nan, np.float32)
        counted = function(-(-n // 32), 32, x, out)
        same(out, 3 * x)
        if counted["global_load_requests"] > -(-n // 32):
            raise CheckFailure(f"{counted['global_load_requests']} requests")


TASK = Task("scale", check_scale, check_scale, kernel=True)


def verdict_of(source, name="scale"):
    launches, broken = kernels_of([source])
    assert not broken
    return examine(TASK, check_scale, local(launches[name]), np.random.default_rng(0))


def test_a_kernel_is_launched_and_counted():
    launch = kernels_of([SCALE])[0]["scale"]
    x, out = np.arange(64, dtype=np.float32), np.zeros(64, np.float32)
    counted = launch(2, 32, x, out)
    np.testing.assert_array_equal(out, 3 * x)
    assert set(counted) == set(COUNTERS)
    assert all(type(n) is int for n in counted.values())
    assert counted["global_load_requests"] == counted["global_store_requests"] == 2
    assert counted["global_load_sectors"] == 2 * 4
    assert verdict_of(SCALE).passed


def test_constants_hold_as_the_notebook_left_them_and_imports_may_have_other_names():
    cells = ["import numpy as xp", "from math import sqrt as root", "N: int = 1", "N = 2"]
    kernel = "@cuda.jit\ndef k(out):\n    out[0] = N * root(4.0) + xp.sqrt(9.0) + math.pi\n"
    launches, _ = kernels_of(
        [*cells, "from dlpar.gpu import cuda\nimport math\n" + kernel, "N = 5"]
    )
    out = np.zeros(1)
    launches["k"](1, 1, out)
    assert out[0] == 5 * 2 + 3 + np.pi


@pytest.mark.parametrize(
    "evil",
    [
        "open('MARK', 'w')",
        "X = open('MARK', 'w')",
        "class A:\n    open('MARK', 'w')",
        "def f(x=open('MARK', 'w')): pass",
        "f = lambda: open('MARK', 'w')\nf()",
        "@cuda.jit\ndef f(x=open('MARK', 'w')): pass",
        "@cuda.jit\ndef f(x: open('MARK', 'w')): pass",
        "@cuda.jit\ndef f(x) -> open('MARK', 'w'): pass",
        "@cuda.jit(open('MARK', 'w'))\ndef f(x): pass",
        "@cuda.jit\n@open('MARK', 'w')\ndef f(x): pass",
        "@cuda.jit\ndef scale(x, out):\n    open('MARK', 'w')",
        "@cuda.jit\ndef scale(x, out):\n    x[0] = [open('MARK', 'w') for i in range(1)]",
        "@cuda.jit\ndef scale(x, out):\n    f = lambda y=open('MARK', 'w'): y",
        "@cuda.jit\ndef scale(x, out):\n    def f(y=open('MARK', 'w')): pass",
        "@cuda.jit\ndef scale(x, out):\n    cuda.atomic.np.savetxt('MARK', out)",
        "import numpy as np\n@cuda.jit\ndef scale(x, out):\n    np.savetxt('MARK', out)",
        "@cuda.jit\ndef scale(x, out):\n    cuda.grid.__init__.__globals__",
        "@cuda.jit\ndef scale(x, out):\n    __import__('os').mkdir('MARK')",
        "from os import mkdir\n@cuda.jit\ndef scale(x, out):\n    mkdir('MARK')",
        "from dlpar.labs.kernels import profile\n@cuda.jit\ndef scale(x, out):\n    profile(x)",
    ],
)
def test_no_line_of_a_notebook_is_run_as_python(evil, tmp_path):
    mark = tmp_path / "mark"
    launches, _ = kernels_of(["from dlpar.gpu import cuda", evil.replace("MARK", str(mark))])
    if "scale" in launches:
        with pytest.raises(NotImplementedError, match="line"):
            launches["scale"](1, 32, np.ones(32, np.float32), np.ones(32, np.float32))
    assert not mark.exists()


@pytest.mark.parametrize(
    "forged",
    [
        "kernels.COUNTERS = ()",
        "import dlpar.labs.kernels\ndlpar.labs.kernels.profile = lambda *_: None",
        "def scale(grid, block, x, out):\n    out[:] = x * 3\n    return {'barriers': 0}",
        "class int(int):\n    def __new__(self, x): return 0",
        "import linecache\nlinecache.cache.clear()",
    ],
)
def test_python_in_the_notebook_changes_no_counter(forged):
    wasteful = SCALE.replace("times(x[i])", "times(x[i]) + 0 * x[i]")
    verdict = examine(
        TASK, check_scale, local(kernels_of([forged, wasteful, forged])[0]["scale"]),
        np.random.default_rng(0),
    )  # fmt: skip
    assert verdict.message == "n=1: 2 requests"
    assert kernels_module.COUNTERS


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            ("if i < out.size:", "if True:"),
            r"n=1: your code raised OutOfRange: scale, line 14, block 0, thread 1: ",
        ),
        (("i = cuda.grid(1)", "while True:\n        i = 1"), r"EndlessLoop.*20,000"),
        (("times(x[i])", "x[i].__class__"), r"NotImplementedError: scale, line 14: __class__ has"),
        (
            ("def scale(x, out):", "def scale(x, out, n=1):"),
            r"scale, line 11: a kernel takes plain",
        ),
        (("times(x[i])", "unknown(x[i])"), r"line 14: no function unknown is known"),
        (("    if i", '    raise NotImplementedError("your code here")\n    if i'), SKELETON),
    ],
)
def test_what_the_machine_says_reaches_the_learner_with_kernel_and_line(change, said):
    assert SCALE.count(change[0]) == 1
    verdict = verdict_of(SCALE.replace(*change))
    assert not verdict.passed
    assert re.search(said, verdict.message), verdict.message
    assert "of its cell" not in verdict.message


@pytest.fixture
def a_lab(tmp_path):
    """A lab of one kernel, as a folder."""
    (tmp_path / "checks.py").write_text(
        "from dlpar.labs import Task\nfrom test_lab_kernels import check_scale\n"
        "TASKS = (Task('scale', check_scale, check_scale, kernel=True),)\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (SCALE, "3 inputs"),
        (SCALE.replace("@cuda.jit\n", ""), "no kernel, with @cuda.jit above its def, called scale"),
        (SCALE + "def", "code cell 1 does not parse"),
    ],
)
def test_the_shells_check_reads_the_kernels_of_a_notebook(a_lab, monkeypatch, source, said):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    (a_lab / "mine.md").write_text(f"```{{code-cell}}\n{source}\n```\n")
    assert said in verdict_on(a_lab, "scale", a_lab / "mine.md").message


def test_a_notebooks_check_takes_the_cells_in_the_order_in_which_they_ran(monkeypatch):
    @real_cuda.jit
    def scale(x, out):
        out[0] = 0

    assert "def test_a_notebooks_check" in cells_of_notebook(scale)[0]
    shell = SimpleNamespace(user_ns={"In": ["", "BY = 2", SCALE, "BY = 3"]})
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert cells_of_notebook(scale)[-1] == "BY = 3"
    launch = _seen_by_checks(TASK, scale)  # what a task's `show` gets
    x, out = np.ones(4, np.float32), np.zeros(4, np.float32)
    assert launch(1, 4, x, out)["global_store_requests"] == 1
    assert list(out) == [3] * 4
    with pytest.raises(CheckFailure, match="scale is no kernel"):
        cells_of_notebook(scale.py_func)


@in_sandbox
def test_a_kernel_in_the_sandbox_gets_the_verdict_that_it_gets_here():
    out_of_range = SCALE.replace("if i < out.size:", "if True:")
    endless = SCALE.replace("i = cuda.grid(1)", "while True:\n        i = 1")
    with Sandbox(("dlpar.labs.kernels",)) as sandbox:
        for source in (SCALE, out_of_range, endless, SCALE.replace("@cuda.jit\n", "")):
            there = StandIn(sandbox, [source], "scale", 10.0, kernel=True)
            verdict = examine(TASK, check_scale, there, np.random.default_rng(0))
            there.end()
            here, _ = kernels_of([source])
            if "scale" in here:
                want = examine(TASK, check_scale, local(here["scale"]), np.random.default_rng(0))
                assert verdict.passed == want.passed
                assert verdict.message.split() == want.message.split()
            else:
                assert "no kernel" in verdict.message


@in_sandbox
def test_a_kernel_that_keeps_the_translator_busy_is_ended():
    source = SCALE.replace("times(x[i])", "9 ** 9 ** 9 ** 9")
    with Sandbox(("dlpar.labs.kernels",)) as sandbox:
        there = StandIn(sandbox, [source], "scale", 1.0, kernel=True)
        verdict = examine(TASK, check_scale, there, np.random.default_rng(0))
        there.end()
    assert not verdict.passed


@in_sandbox
def test_a_graded_lab_gives_full_marks_to_honest_kernels_and_none_to_forged_counts():
    path = lab_folder(2) / "lab.md"
    honest = path.read_text(encoding="utf-8")
    wasteful = honest.replace("v = x[i]\n", "v = x[i] + 0 * x[i]\n")
    assert wasteful.count("0 * x[i]") == 1
    forged = "import dlpar.labs.kernels as k\nclass Quiet:\n    k.launch = lambda *_: {}\n"
    forging = f"```{{code-cell}}\n{forged}```\n\n{wasteful}\n```{{code-cell}}\n{forged}```\n"
    lab = assignment(2, seed=7)
    grades = [grade(lab, path, text.encode()) for text in (honest, forging)]
    assert grades[0]["points"] == grades[0]["of"]
    assert "global load requests, par is" in grades[1]["tasks"]["leaky"]["reason"]
    assert grades[1]["tasks"]["leaky"]["points"] == 0
