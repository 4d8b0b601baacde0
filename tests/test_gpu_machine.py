"""Control flow in lock step against plain Python, one thread at a time; and wrong use."""

import numpy as np
from gpu_sources import function_from, kernel_from
from hypothesis import given, settings
from hypothesis import strategies as st

from dlpar.gpu import cuda

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
