"""Kernels that would score without doing the work: name -> (source, what the verdict says).

The task is `out[i] = 3 * x[i]` with one load and one store a warp, and nothing else counted.
"""

HEAD = "from dlpar.gpu import cuda, float32, int32\nimport numpy as np\nimport math\n"


def kernel(*lines, before=""):
    """Return a notebook's cell: `before`, and the kernel `triple` of these lines."""
    body = "\n".join(f"    {line}" for text in lines for line in text.split("\n"))
    return f"{HEAD}{before}\n@cuda.jit\ndef triple(x, out):\n    i = cuda.grid(1)\n{body}\n"


def device(name, *lines):
    """Return the device function `name(x, i)`."""
    body = "\n".join(f"    {line}" for line in lines)
    return f"@cuda.jit(device=True)\ndef {name}(x, i):\n{body}\n\n"


HONEST = kernel("if i < x.size:\n    out[i] = 3 * x[i]")
GUARD = "if i >= x.size:\n    return"
LOADS, STORES = "load requests", "store requests"
WASTE = "out[i] = 3 * x[i] + 0 * x[i]"
HIDDEN = """X = '''\x0c\x0c\x0c\u2028\u2028
@cuda.jit
def triple(x, out):
    i = cuda.grid(1)
    cuda.jit.__globals__
'''
"""  # lines to an editor, and none to Python: whoever numbers them otherwise reads another function
DOUBLING = "".join(device(f"f{n}", *[f"f{n + 1}(x, i)"] * 2) for n in range(40))

FORGES = {
    "writes_into_the_machine": (
        kernel(
            GUARD, "g.lockstep.machine.LANES[i % 32] = 0", WASTE, before="import dlpar.gpu as g"
        ),
        "no attribute lockstep",
    ),
    "updates_the_machine": (
        kernel(
            GUARD,
            "cuda.atomic.add(lockstep.machine.LANES, i % 32, 1)",
            WASTE,
            before="from numba import lockstep",
        ),
        "no function|lockstep is not defined",
    ),
    "reaches_the_modules_behind": (
        kernel(GUARD, "out[i] = 3 * x[i] + 0 * cuda.random.JUMP[0]"),
        "no attribute JUMP",
    ),
    "holds_functions_in_constant_memory": (
        kernel(GUARD, "a = cuda.const.array_like((open, print))", "out[i] = math.sqrt(a[i % 2])"),
        "constant memory holds arrays of numbers",
    ),
    "looks_into_a_kernel": (
        kernel(GUARD, "out[i] = helper.function(x[i])", before=device("helper", "return x")),
        "helper.function cannot be called",
    ),
    "writes_in_a_constant": (
        kernel(GUARD, "a = cuda.const.array_like((1.0, 2.0))", "a[0] = 3", "out[i] = a[0] * x[i]"),
        "is constant",
    ),
    "has_other_builtins": (
        kernel(
            GUARD,
            "out[i] = 3 * sqrt(x[i] * x[i])",
            before="__builtins__ = (1,)\nimport math as __builtins__",
        ),
        "no function sqrt",
    ),
    "is_a_dunder": (
        HONEST + device("__import__", "return x[i]") + kernel(GUARD, "out[i] = __import__(x, i)"),
        "__import__ has no place",
    ),
    "shows_one_source_and_runs_another": (
        f"{HEAD}{HIDDEN}\n@cuda.jit\ndef triple(x, out):\n    pass\n",
        "out: your",
    ),
    "nests_a_decorator": (
        f"{HEAD}@cuda.jit(debug='''\ndef evil(x, out):\n    cuda.jit.__globals__\n''')\n"
        "def\\\n triple(x, out):\n    out[0] = 1\n",
        "evil|__globals__|triple",
    ),
    "is_redefined_as_python": (
        kernel(GUARD, WASTE) + "\ndef triple(grid, block, x, out):\n    out[:] = 3 * x\n",
        LOADS,
    ),
    "nests_a_function": (kernel("def f(y=open('/tmp/x', 'w')):\n    pass"), "FunctionDef"),
    "is_a_generator": (kernel("yield open('/tmp/x', 'w')"), "Yield"),
    "assigns_within": (kernel("out[(j := i)] = 3 * x[j]"), "NamedExpr"),
    "stars_its_arguments": (kernel("cuda.grid(*open('/tmp/x', 'w'))"), "constant|Starred"),
    "formats": (kernel("print(f'{open(0)}')"), "JoinedStr"),
    "prints_a_path": (kernel("print(open)"), "print takes numbers and texts"),
    "shadows_min": (
        kernel(GUARD, "out[i] = 3 * max(x[i], x[i])", before="from numpy import pi as max"),
        "max is no function",
    ),
}

AVOIDS = {
    "squares_a_load": (
        kernel(GUARD, "out[i] = 3 * math.sqrt(x[i] ** 2 * x[i] ** 0)"),
        LOADS,
    ),
    "reads_by_atomics": (kernel(GUARD, "out[i] = 3 * cuda.atomic.add(x, i, float32(0))"), "atomic"),
    "writes_by_atomics": (kernel(GUARD, "cuda.atomic.nanmax(out, i, 3 * x[i])"), "atomic"),
    "loads_in_a_device_function": (
        kernel(GUARD, "out[i] = f(x, i) + 0 * f(x, i)", before=device("f", "return 3 * x[i]")),
        LOADS,
    ),
    "loads_from_a_view": (
        kernel(GUARD, "y = x[:]", "out[i] = 3 * y[i] + 0 * x[:][i]"),
        LOADS,
    ),
    "loads_in_a_condition": (
        kernel(GUARD, "out[i] = 3 * x[i] if x[i] == x[i] or x[i] > 0 else 0"),
        LOADS,
    ),
    "stores_by_a_loop": (
        kernel(GUARD, "for out[i] in (0.0, 3 * x[i]):\n    pass"),
        STORES,
    ),
    "scribbles_and_restores": (
        kernel(GUARD, "v = x[i]", "x[i] = 3 * v", "out[i] = x[i]", "x[i] = v"),
        "requests",
    ),
    "waits_by_the_grid": (
        kernel("cuda.cg.this_grid().sync()", "if i < x.size:\n    out[i] = 3 * x[i]"),
        "barriers",
    ),
    "waits_by_a_variable": (
        kernel("g = cuda.cg.this_grid()", "g.sync()", "if i < x.size:\n    out[i] = 3 * x[i]"),
        "barriers",
    ),
    "counts_at_a_barrier": (
        kernel("n = cuda.syncthreads_count(1)", "if i < x.size:\n    out[i] = 3 * x[i]"),
        "barriers",
    ),
}

WRONG = {
    "reads_anothers_variable": (
        kernel("if i % 64 == 0:\n    y = 3", "if i < x.size:\n    out[i] = y * x[i]"),
        "y is read, but this thread has not assigned it",
    ),
    "reads_anothers_loop": (
        kernel("for j in range(4 - 4 * min(i, 1)):\n    pass",
               "if i < x.size:\n    out[i] = j * x[i]"),
        "j is read, but this thread has not assigned it",
    ),
    "takes_what_another_returned": (
        kernel("if i < x.size:\n    out[i] = f(x, i) * x[i]",
               before=device("f", "if i == 0:", "    return 3")),
        "on all its ways",
    ),
    "returns_nothing_in_some": (
        kernel("if i < x.size:\n    out[i] = f(x, i) * x[i]",
               before=device("f", "if i > 0:", "    return", "return 3")),
        "on all its ways",
    ),
    **{
        f"races_{how}": (
            kernel(GUARD, "out[i] = 3 * x[i]", line.replace("LEFT", "out[(i + 1) % x.size]")),
            "Race",
        )
        for how, line in {
            "in_the_open": "out[i] = out[i] + 0 * LEFT",
            "by_a_loops_name": "for y in (out,):\n    y[i] = y[i] + 0 * y[(i + 1) % x.size]",
            "in_a_tuple": "(out,)[0][i] = out[i] + 0 * LEFT",
            "by_an_item": "y = (x, out)[1]\ny[i] = y[i] + 0 * y[(i + 1) % x.size]",
            "in_a_choice": "(out if x.size > 0 else x)[i] = out[i] + 0 * LEFT",
            "by_a_keyword": "cuda.atomic.add(view=x, index=(i + 1) % x.size, value=0.0)\n"
                            "out[i] = 3 * x[i]",
        }.items()
    },
}  # fmt: skip

BOMBS = {
    "shifts_far": (kernel("out[i] = (1 << 10**9) % 7"), "more than 128 bits"),
    "powers": (kernel("out[i] = 7 ** 7 ** 8"), "more than 128 bits"),
    "multiplies": (kernel("out[i] = " + "*".join(["(2**60)"] * 300)), "more than 128 bits"),
    "powers_a_float": (kernel(GUARD, "out[i] = 10.0 ** 400"), "out: your"),
    "names_a_long_number": (kernel(f"out[i] = 0x{'f' * 50_000}"), "more than 64 bits"),
    "asks_beyond_a_tuple": (kernel("out[i] = T[9]", before="T = (1, 2)"), "out of range"),
    "repeats_a_text": (kernel("out[i] = 'a' * 10**10"), "two numbers"),
    "repeats_a_tuple": (kernel("t = (1,) * 10**10"), "two numbers"),
    "nests_tuples": (
        kernel("t = (1, 1)", "for j in range(60):\n    t = (t, t)", "a, b, c = t"), "no tuple of 3",
    ),
    "chooses_between_nests": (
        kernel("t, u = (1, 1), i", "for j in range(60):\n    t = (t, t)",
               "v = t if i < 3 else u"),
        "one type in all lanes",
    ),
    "takes_gigabytes_a_thread": (
        kernel("a = cuda.local.array(10**9, float32)", "a[0] = 1"), "local memory",
    ),
    "takes_gigabytes_in_all": (
        kernel("a = cuda.local.array(2**17, float32)", "for j in range(2**17):\n    a[j] = 1"),
        "bytes is the most|20,000 iterations",
    ),
    "takes_gigabytes_a_block": (
        kernel("a = cuda.shared.array((10**5, 10**5), float32)", "a[0, 0] = 1"), "shared memory",
    ),
    "loops": (kernel("while True:\n    pass"), "EndlessLoop"),
    "loops_in_loops": (
        kernel("for j in range(10**9):\n    for k in range(10**9):\n        pass"), "EndlessLoop",
    ),
    "calls_itself": (kernel("f(x, i)", before=device("f", "f(x, i)")), "calls itself"),
    "calls_in_a_circle": (
        kernel("f(x, i)", before=device("f", "g(x, i)") + device("g", "f(x, i)")), "calls itself",
    ),
    "nests_minus": (kernel(f"out[i] = {'-' * 5000}x[i]"), "nested too deeply"),
    "nests_sums": (kernel(f"out[i] = x[i]{'+1' * 3000}"), "nested too deeply"),
    "squares_squares": (kernel(GUARD, f"out[i] = {'(' * 80}x[i]{'**2)' * 80}"), "out: your"),
}  # fmt: skip

ENDLESS = {
    "doubles_its_calls": (
        kernel("f0(x, i)", before=DOUBLING + device("f40", "pass")),
        "no answer within",
    ),
    "prints_without_end": (
        kernel(*["for j in range(10**9):\n    print(i, i, i, i)"]),
        "no answer within|EndlessLoop",
    ),
    "has_60000_statements": (
        kernel("\n".join(["i+i"] * 30_000)),
        "no answer within|are over|out: your",
    ),
}

AT_ONCE = FORGES | AVOIDS | WRONG | BOMBS
