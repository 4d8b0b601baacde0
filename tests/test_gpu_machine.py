"""Control flow in lock step against plain Python, one thread at a time; and wrong use."""

import numpy as np
import pytest
from gpu_sources import function_from, kernel_from
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell

from dlpar.gpu import checks, cuda
from dlpar.gpu.lockstep import kernel as launching
from dlpar.gpu.lockstep.errors import DivergentBarrier

THREADS = 37  # two warps, one of them in part
N = 11  # elements of x


class Writer:
    """Writes random programs: every variable is an int64, and no value grows without bound."""

    def __init__(self, draw, names, functions):
        self.draw, self.names, self.functions = draw, list(names), functions
        self.lines, self.fresh, self.loops, self.room = [], 0, 0, 14

    def pick(self, *options):
        return self.draw(st.sampled_from(options))

    def number(self):
        return str(self.draw(st.integers(-3, 9)))

    def name(self):
        return self.pick(*self.names)

    def value(self, depth=2):
        kind = self.pick("name", "name", "number", "sum", "wrap", "choice", "logic", "call", "x")
        if depth == 0 or kind == "name":
            return self.name()
        less = depth - 1
        if kind == "number":
            return self.number()
        if kind == "sum":
            return f"({self.value(less)} {self.pick('+', '-', '&', '|', '^')} {self.value(less)})"
        if kind == "wrap":
            return f"({self.value(less)} {self.pick('%', '//')} {self.pick('2', '3', '-4', '7')})"
        if kind == "choice":
            return f"({self.value(less)} if {self.test(less)} else {self.value(less)})"
        if kind == "logic":
            return f"({self.value(less)} {self.pick('and', 'or')} {self.value(less)})"
        if kind == "x":
            j = self.name()
            return self.pick(f"(x[{j}] if 0 <= {j} < {N} else 5)", f"x[{j} % {N}]")
        if not self.functions:
            return f"min({self.value(less)}, abs({self.value(less)}))"
        return f"{self.pick(*self.functions)}({self.value(less)}, {self.value(less)})"

    def test(self, depth=2):
        kind = self.pick("compare", "compare", "chain", "not", "both", "truth", "same")
        if depth == 0 or kind == "compare":
            return f"{self.value(0)} {self.pick('<', '<=', '==', '!=', '>')} {self.value(1)}"
        if kind == "chain":
            return f"{self.number()} <= {self.value(1)} < {self.value(1)} != {self.number()}"
        if kind == "not":
            return f"not ({self.test(depth - 1)})"
        if kind == "both":
            return f"({self.test(depth - 1)} {self.pick('and', 'or')} {self.test(depth - 1)})"
        return self.pick("1 < 2", "n > 40", "n > 3") if kind == "same" else self.name()

    def body(self, depth, pad, end):
        for _ in range(self.draw(st.integers(1, 3))):
            self.statement(depth, pad, end)

    def statement(self, depth, pad, end):
        self.room -= 1
        kinds = ["set", "set", "add", "swap", "leave"]
        if depth and self.room > 0:
            kinds += ["if", "if", "else", "elif", "for", "while", "over"]
        getattr(self, f"write_{self.pick(*kinds)}")(depth, pad, end)

    def write(self, pad, text):
        self.lines.append(" " * pad + text)

    def write_set(self, depth, pad, end):
        self.write(pad, f"{self.name()} = {self.value()} % 101 - 20")

    def write_add(self, depth, pad, end):
        name = self.name()
        self.write(pad, f"{name} {self.pick('+', '-', '*', '^')}= {self.value()}")
        self.write(pad, f"{name} %= 1009")

    def write_swap(self, depth, pad, end):
        a, b = self.name(), self.name()
        if self.pick(True, False):
            self.write(pad, f"{a}, {b} = {b}, {self.value()} % 57")
        else:
            self.write(pad, f"pair = {self.value()}, {self.value()}")
            self.write(pad, f"{a} = pair[1] % 31 + pair[0] % 17")

    def write_leave(self, depth, pad, end):
        if self.loops and self.pick(True, True, False):
            end = self.pick("break", "continue")
        if self.pick(True, True, True, False):
            self.write(pad, f"if {self.test()}:")
            pad += 1
        self.write(pad, end.format(self.value(1)))

    def write_if(self, depth, pad, end):
        self.write(pad, f"if {self.test()}:")
        self.body(depth - 1, pad + 1, end)

    def write_else(self, depth, pad, end):
        self.write_if(depth, pad, end)
        self.write(pad, "else:")
        self.body(depth - 1, pad + 1, end)

    def write_elif(self, depth, pad, end):
        self.write_if(depth, pad, end)
        self.write(pad, f"elif {self.test()}:")
        self.body(depth - 1, pad + 1, end)
        self.write(pad, "else:")
        self.body(depth - 1, pad + 1, end)

    def loop(self, depth, pad, end):
        self.loops += 1
        self.body(depth - 1, pad + 1, end)
        self.loops -= 1

    def write_for(self, depth, pad, end):
        a, b = self.value(1), self.value(1)
        step = self.pick("2", "-1", "-3", f"({self.name()} % 3 + 1)")
        bounds = self.pick("3", f"{a} % 5", f"{a} % 4, {b} % 7", f"{a} % 4, {b} % 9, {step}")
        self.write(pad, f"for {self.pick('v', 'w')} in range({bounds}):")
        self.loop(depth, pad, end)

    def write_while(self, depth, pad, end):
        self.fresh += 1
        fuel = f"fuel{self.fresh}"
        self.write(pad, f"{fuel} = 0")
        self.write(pad, f"while {fuel} < {self.value(1)} % 5 and {self.test(1)}:")
        self.write(pad + 1, f"{fuel} += 1")
        self.loop(depth, pad, end)

    def write_over(self, depth, pad, end):
        self.write(pad, f"for v in ({self.value(1)}, {self.number()}, {self.value(1)}):")
        self.loop(depth, pad, end)


@st.composite
def programs(draw):
    """Return (device functions, the body of a kernel) as text."""
    functions = {}
    for name in ("f", "g")[: draw(st.integers(0, 2))]:
        writer = Writer(draw, ["a", "b", "v", "w"], list(functions))
        writer.body(2, 1, "return ({}) % 77")
        head = [f"def {name}(a, b):", f" n, v, w = {THREADS}, 4, 6"]
        text = "\n".join([*head, *writer.lines, " return (a - b) % 77"])
        functions[name] = text.replace("x[", "TABLE[")
    writer = Writer(draw, ["a", "b", "c", "d", "v", "w"], list(functions))
    writer.body(3, 1, "return")
    start = [" a, b, c, d, v, w = i, 3, x[i % 11], -i, 1, i // 2", " out[i, 0] = 1"]
    close = [" out[i, 1] += 7", *(f" out[i, {k}] = {v}" for k, v in enumerate("abcdvw", 2))]
    lines = []
    for line in [*start, *writer.lines]:
        lines.append(line)
        if line.lstrip().startswith(("a ", "b ")) and line is not start[0]:
            pad = len(line) - len(line.lstrip())
            lines.append(" " * pad + "out[i, 1] = out[i, 1] * 3 % 1009 + a - b")
    return functions, "\n".join([*lines, *close])


TABLE = tuple(int(v) for v in np.random.default_rng(3).integers(-9, 10, N))


def on_the_machine(functions, body):
    table = np.array(TABLE)
    known = {"TABLE": table}
    for name, text in functions.items():
        known[name] = cuda.jit(device=True)(function_from(text, **known))
    start = "def kernel(x, out):\n i, n = cuda.grid(1), cuda.gridsize(1)\n"
    kernel = kernel_from(start + body, **known)
    out = np.zeros((THREADS, 8), int)
    kernel[1, THREADS](table, out)
    return out


def one_by_one(functions, body):
    known = {"TABLE": TABLE}
    for name, text in functions.items():
        known[name] = function_from(text, **known)
    run = function_from(f"def thread(i, n, x, out):\n{body}", **known)
    out = np.zeros((THREADS, 8), object)
    for i in range(THREADS):
        run(i, THREADS, TABLE, out)
    return out


@settings(max_examples=3 * settings.default.max_examples)
@given(programs())
def test_lanes_that_part_compute_what_each_would_alone(program):
    np.testing.assert_array_equal(on_the_machine(*program), one_by_one(*program).astype(int))


def test_an_index_that_moves_to_another_axis_is_another_element():
    kernel = kernel_from(
        "def kernel(a, out):\n t = cuda.threadIdx.x\n p, q = t, t * 0\n"
        " p, q = (t, 1)\n for k in range(2):\n  out[k, t] = a[p, q]\n  p, q = q, p\n"
    )
    a, out = np.arange(16).reshape(4, 4), np.zeros((2, 4), int)
    kernel[1, 4](a, out)
    np.testing.assert_array_equal(out, [a[:, 1], a[1]])


# Wrong use: told before anything runs


FILL = "def fill(x, n):\n i = cuda.grid(1)\n if i < x.size:\n  x[i] = n"


@pytest.mark.parametrize(
    ("configuration", "words"),
    [
        ((0, 32), "grid dimensions go from 1"),
        ((-1, 32), "grid dimensions go from 1"),
        ((1, 1025), "block dimensions go from 1 to 1024, got 1025"),
        ((1, (32, 33)), "1056 threads; 1024 at most"),
        ((1, (1, 1, 65)), "block dimensions go from 1 to 64"),
        (((1, 1, 65536), 1), "grid dimensions go from 1 to 65535"),
        (((1, 1, 1, 1), 1), "grid has one to three dimensions"),
        ((1.5, 32), "grid has whole numbers for dimensions, got 1.5"),
        ((1, True), "block has whole numbers for dimensions, got True"),
        (("8", 1), "grid has whole numbers"),
        ((1,), r"fill needs \[grid, block\]"),
        (7, r"fill needs \[grid, block\]"),
        ((1, 1, 0, -8), "-8 bytes of dynamic shared memory"),
        ((1, 1, 0, "all"), "bytes of shared memory, not 'all'"),
    ],
)
def test_a_wrong_configuration_is_refused(configuration, words):
    with pytest.raises((ValueError, TypeError), match=words):
        kernel_from(FILL)[configuration]


LOCKED = np.zeros(4)
LOCKED.flags.writeable = False


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([np.zeros(4)], r"fill takes \(x, n\), got 1 arguments"),
        ([np.zeros(4), 1, 2], r"fill takes \(x, n\), got 3 arguments"),
        ([np.zeros(4, object), 1], "x has dtype object"),
        ([np.array(["a"]), 1], "x has dtype <U1"),
        ([np.zeros(4, "M8[s]"), 1], r"x has dtype datetime64\[s\]"),
        ([np.zeros(4, ">f8"), 1], "x has dtype >f8"),
        ([np.zeros(4, np.longdouble), 1], "x has dtype"),
        (["abc", 1], "x is str"),
        ([[1, 2], 1], "x is list"),
        ([np.zeros(4), None], "n is NoneType"),
        ([np.zeros(4), 2**70], "n is 1180591620717411303424"),
        ([np.zeros(4)[::-1], 1], r"x has strides \(-8,\) bytes: pass np.ascontiguousarray\(x\)"),
        ([LOCKED, 1], "x is read-only, but fill writes to it"),
        ([(np.zeros(4), "b"), 1], r"x\[1\] is str"),
    ],
)
def test_a_wrong_argument_is_refused_by_name(arguments, words):
    with pytest.raises((ValueError, TypeError), match=words):
        kernel_from(FILL)[1, 4](*arguments)


@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_either_order_and_with_gaps_are_changed_in_place(order):
    kernel = kernel_from("def kernel(a):\n i, j = cuda.grid(2)\n a[i, j] = 10 * i + j")
    whole = np.full((6, 8), -1, order=order)
    kernel[1, (3, 4)](whole[::2, 1::2])
    want = np.full((6, 8), -1)
    want[::2, 1::2] = np.add.outer([0, 10, 20], range(4))
    np.testing.assert_array_equal(whole, want)


def test_an_array_that_is_only_read_may_be_read_only():
    out = np.zeros(4)
    kernel_from("def kernel(x, out):\n i = cuda.grid(1)\n out[i] = x[i] + 1")[1, 4](LOCKED, out)
    np.testing.assert_array_equal(out, 1)


# What the machine does not run


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("try:\n  x[0] = 1\n except ValueError:\n  pass", "Try is not supported"),
        ("y = [1, 2]", "List is not supported"),
        ("y = {1: 2}", "Dict is not supported"),
        ("y = [k for k in range(3)]", "ListComp is not supported"),
        ("with x:\n  pass", "With is not supported"),
        ("import os", "Import is not supported"),
        ("global q", "Global is not supported"),
        ("yield 1", "Yield is not supported"),
        ("y = lambda: 1", "Lambda is not supported"),
        ("f'{x}'", "JoinedStr is not supported"),
        ("raise ValueError(x)", "Raise is not supported"),
        ("def g():\n  return 1", "FunctionDef is not supported"),
        ("while True:\n  break\n else:\n  x[0] = 1", "while ... else"),
        ("for k in range(2):\n  pass\n else:\n  x[0] = 1", "for ... else"),
        ("for v in x:\n  pass", "a loop goes over a range or a tuple"),
        ("x.append(1)", "no method append"),
        ("x[0] = np.sum(x)", "np.sum cannot be called in a kernel"),
        ("x[0] = math.nothing(1)", "no function math.nothing"),
        ("x[0] = x @ x", "@ is no operator"),
        ("x[0] = 1 in (1, 2)", "In is no comparison"),
        ("y = x + 1", "operators combine two numbers, not an array and int64"),
        ("y = (1, 2) < (3, 4)", "not a tuple and a tuple"),
        ("x[:] = 1", "one element is assigned at a time; x has 1 dimension"),
        ("x[0, 0] = 1", "one element is assigned at a time; x has 1 dimension"),
        ("TABLE[0] = 1", "TABLE is constant"),
        ("a, b = 1, 2, 3", "no tuple of 2 values"),
        ("s = cuda.shared.array(x.size, float32)", "x.size must be a constant"),
        ("x.shape[0] = 1", "only the elements of an array"),
    ],
)
def test_what_is_not_supported_is_named_with_its_line(body, words):
    source = f"def kernel(x):\n pass\n {body}"
    with pytest.raises(NotImplementedError) as caught:
        kernel_from(source, TABLE=np.zeros(3))[1, 4](np.zeros(4))
    text = str(caught.value)
    assert text.startswith("kernel, line 3: ")
    assert words in text
    assert text.endswith(source.splitlines()[2].strip())


def test_recursion_is_refused_with_a_reason():
    names = {}
    source = "def down(n):\n if n < 1:\n  return 0\n return down(n - 1)"
    function = function_from(source)
    names["down"] = cuda.jit(device=True)(function)
    function.__globals__.update(names)
    with pytest.raises(NotImplementedError, match="down calls itself: a thread has no stack"):
        kernel_from("def kernel(x):\n x[0] = down(3)", **names)[1, 1](np.zeros(1))


def test_a_kernel_without_source_says_so():
    space = {"cuda": cuda}
    exec("def nowhere(x):\n x[0] = 1", space)
    with pytest.raises(NotImplementedError, match="nowhere has no source: define it in a file or"):
        cuda.jit(space["nowhere"])[1, 1](np.zeros(1))


def test_a_kernel_of_a_notebook_cell_knows_its_lines():
    shell = InteractiveShell.instance()
    cell = (
        "from dlpar.gpu import cuda\nimport numpy as np\n\n"
        "@cuda.jit\ndef late(x):\n    x[cuda.grid(1)] = 1\n\n"
        "try:\n    late[1, 9](np.zeros(8))\nexcept IndexError as found:\n    error = found\n"
    )
    try:
        shell.run_cell(cell).raise_error()
        error = shell.user_ns["error"]
        assert (error.kernel, error.line, error.source) == ("late", 6, "x[cuda.grid(1)] = 1")
    finally:
        InteractiveShell.clear_instance()


# Launches


def test_globals_are_frozen_at_the_first_launch():
    names = {"FACTOR": 3, "TABLE": np.array([5])}
    kernel = kernel_from("def kernel(x):\n x[0] = FACTOR * TABLE[0]", **names)
    x = np.zeros(1)
    kernel[1, 1](x)
    kernel.py_func.__globals__["FACTOR"], names["TABLE"][0] = 100, 100
    with checks(division=True):  # translated anew
        kernel[1, 1](x)
    assert x[0] == 15


@pytest.mark.parametrize("group", [1, 10_000])
def test_an_error_leaves_nothing_behind(group, monkeypatch):
    monkeypatch.setattr(launching, "GROUP", group)
    kernel = kernel_from(
        "def kernel(x, n):\n s = cuda.shared.array(8, int64)\n t = cuda.threadIdx.x\n"
        " i = cuda.grid(1)\n if i < n:\n  s[t] = x[i]\n  cuda.syncthreads()\n  x[i] = s[7 - t]"
    )
    for n in (5, 13, 16, 3, 16):  # only whole blocks meet at the barrier
        x = np.arange(16)
        if n % 8:
            with pytest.raises(DivergentBarrier):
                kernel[2, 8](x, n)
        else:
            kernel[2, 8](x, n)
            np.testing.assert_array_equal(x, np.arange(16).reshape(2, 8)[:, ::-1].ravel())
