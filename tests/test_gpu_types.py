"""The machine's types are Numba's: held against the type inference of numba.cuda itself."""

import itertools
import math
import warnings

import numba
import numpy as np
import pytest

from dlpar.gpu.lockstep import cuda
from dlpar.gpu.lockstep.functions import TABLE
from dlpar.gpu.lockstep.types import BINARY, UNARY, constant, dtype_of, select

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from numba.core import typed_passes, types
    from numba.core.compiler import run_frontend
    from numba.core.registry import cpu_target
    from numba.cuda.descriptor import cuda_target
    from numba.np.numpy_support import as_dtype

NAMES = (
    "boolean", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "float32", "float64",
)  # fmt: skip
OPERATORS = {
    "Add": "+", "Sub": "-", "Mult": "*", "Div": "/", "FloorDiv": "//", "Mod": "%", "Pow": "**",
    "LShift": "<<", "RShift": ">>", "BitAnd": "&", "BitOr": "|", "BitXor": "^",
    "Eq": "==", "NotEq": "!=", "Lt": "<", "LtE": "<=", "Gt": ">", "GtE": ">=",
}  # fmt: skip

# Where the machine's type is another one than Numba's, and why that may be.
DIFFERENCES = {
    ("boolean", "**", "int32"): "float32 in Numba, a slip of its overload table; int64 here",
    ("math.modf", "float16"): "two float64 in Numba, two float32 here",
}


@pytest.fixture(scope="module")
def inferred():
    """Return `infer(function, *names)`: the dtype that numba.cuda gives the result, or None."""
    for part in (cuda_target.typing_context, cuda_target.target_context):
        part.refresh()

    def infer(function, *names, target=cuda_target):
        contexts = target.typing_context, target.target_context
        arguments = tuple(getattr(types, name) for name in names)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found = typed_passes.type_inference_stage(
                    *contexts, run_frontend(function), arguments, None
                )[1]
            except Exception:  # of many kinds: Numba does not know this operator on these types
                return None
        if isinstance(found, types.BaseTuple):
            return tuple(as_dtype(part) for part in found)
        return as_dtype(found)

    return infer


def ones(name):
    return np.ones(3, dtype_of(getattr(types, name)))


def ours(apply, *names):
    try:
        with np.errstate(all="ignore"):
            result = apply(*map(ones, names))
    except TypeError:
        return None
    if isinstance(result, tuple):
        return tuple(part.dtype for part in result)
    return result.dtype


@pytest.mark.parametrize("kind", OPERATORS)
def test_operators_have_numbas_types(kind, inferred):
    sign = OPERATORS[kind]
    function = eval(f"lambda a, b: a {sign} b")
    different = {
        (a, sign, b)
        for a, b in itertools.product(NAMES, NAMES)
        if ours(BINARY[kind], a, b) != inferred(function, a, b)
    }
    assert different == {key for key in DIFFERENCES if key[1] == sign}


def test_signs_and_negation_have_numbas_types(inferred):
    for kind, sign in {"USub": "-", "UAdd": "+", "Invert": "~", "Not": "not "}.items():
        function = eval(f"lambda x: {sign}x")
        for name in NAMES:
            want = inferred(function, name)
            if (sign, name) == ("+", "float16"):  # float16 in the numba-cuda package, as here
                want = np.dtype("float16")
            assert ours(UNARY[kind], name) == want, (sign, name)


@pytest.mark.parametrize("literal", [0, 2, -1, 2**40, 0.5, True])
def test_numbers_in_the_source_have_numbas_types(literal, inferred):
    number = constant(literal)
    for kind in ("Add", "Mult", "Div"):
        function = eval(f"lambda x: x {OPERATORS[kind]} {literal!r}")
        for name in NAMES:
            with np.errstate(all="ignore"):
                got = BINARY[kind](ones(name), number)
            assert got.dtype == inferred(function, name), (name, kind, literal)


def test_a_variable_of_two_types_has_the_one_that_numba_unifies_them_to(inferred):
    function = lambda c, a, b: a if c else b  # noqa: E731
    mask = np.array([True, False, True])
    for a, b in itertools.product(NAMES, NAMES):
        want = inferred(function, "boolean", a, b)
        if want is not None:
            assert select(mask, ones(a), ones(b)).dtype == want, (a, b)


MATH = [
    "sqrt", "exp", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "asin", "acos",
    "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "floor", "ceil", "trunc", "fabs",
    "isnan", "isinf", "isfinite", "erf", "erfc", "gamma", "lgamma", "radians", "degrees", "modf",
    "frexp",
]  # fmt: skip


@pytest.mark.parametrize("name", [*MATH, "pow", "fmod", "copysign", "atan2", "hypot"])
def test_functions_of_math_have_numbas_types(name, inferred):
    arguments = "x, x" if name in ("pow", "fmod", "copysign", "atan2", "hypot") else "x"
    function = eval(f"lambda x: math.{name}({arguments})", {"math": math})
    apply = TABLE[getattr(math, name)]
    for kind in NAMES:
        if (f"math.{name}", kind) in DIFFERENCES:
            continue
        got = ours(apply, *[kind] * arguments.count("x"))
        assert got == inferred(function, kind), kind


def test_builtins_have_numbas_types(inferred):
    for text, apply in {
        "abs(x)": abs, "float(x)": float, "bool(x)": bool, "round(x)": round,
    }.items():  # fmt: skip
        function = eval(f"lambda x: {text}")
        for name in NAMES:
            want = inferred(function, name)
            if want is not None:  # float(boolean) is no CUDA
                assert ours(TABLE[apply], name) == want, (text, name)


def test_int_min_and_max_have_numbas_types(inferred):
    # numba.cuda cannot infer these without a driver: they are functions compiled for the device.
    # The CPU target shares their definitions, but for float16.
    numbers = ["boolean", "int8", "int32", "uint16", "uint64", "float32", "float64"]
    for name in numbers:
        assert ours(TABLE[int], name) == inferred(lambda x: int(x), name, target=cpu_target)
    for a, b in itertools.combinations(numbers, 2):
        want = inferred(lambda x, y: min(x, y), a, b, target=cpu_target)
        assert ours(TABLE[min], a, b) == ours(TABLE[max], a, b) == want, (a, b)


NUMPYS = [
    "sqrt", "exp", "log", "sin", "tanh", "arctan", "floor", "ceil", "sign", "abs", "rint",
    "minimum", "maximum", "arctan2", "hypot", "power", "radians",
]  # fmt: skip


@pytest.mark.parametrize("name", NUMPYS)
def test_functions_of_numpy_have_numbas_types(name, inferred):
    count = 2 if name in ("minimum", "maximum", "arctan2", "hypot", "power") else 1
    arguments = ", ".join(["x"] * count)
    function = eval(f"lambda x: np.{name}({arguments})", {"np": np})
    for kind in NAMES:
        want = inferred(function, kind, target=cpu_target)
        if want is not None:  # e.g. np.sign of a truth value
            assert ours(TABLE[getattr(np, name)], *[kind] * count) == want, kind


VALUES = {
    "i": [0, 1, -1, 2, 7, -7, 3, 100, -128, 127, 5, -3, 64, -2],
    "u": [0, 1, 255, 2, 7, 249, 3, 100, 128, 127, 5, 253, 64, 254],
    "f": [0.0, 1.0, -1.0, 2.5, 7.0, -7.0, 0.1, 100.0, -128.5, 127.0, 3.0, -3.0, 1e-3, -0.5],
    "b": [0, 1] * 7,
}
EXTREMES = {"int32": [2**31 - 1, -(2**31)], "uint32": [2**32 - 1, 0], "int64": [2**63 - 1, -1]}


def operands(a, b):
    """Return all pairs of values of two types, as two arrays."""
    columns = []
    for name in (a, b):
        dtype = dtype_of(getattr(types, name))
        columns.append(np.array(VALUES[dtype.kind] + EXTREMES.get(name, []), dtype))
    x, y = np.meshgrid(*columns)
    return x.ravel(), y.ravel()


@pytest.mark.parametrize(
    ("a", "b"),
    [("int32", "int32"), ("int8", "uint8"), ("uint32", "uint32"), ("int64", "uint64"),
     ("float32", "float32"), ("float32", "int32"), ("int64", "float64"), ("boolean", "uint8")],
)  # fmt: skip
def test_operators_have_numbas_values(a, b):
    x, y = operands(a, b)
    kinds = [
        k for k in OPERATORS if "float" not in a + b or k[:3] not in ("LSh", "RSh", "Bit")
    ]  # fmt: skip
    right = {"LShift": "z", "RShift": "z", "Pow": "p"}
    lines = [f"    o{k}[i] = x[i] {OPERATORS[k]} {right.get(k, 'y')}[i]" for k in kinds]
    names = ", ".join(f"o{k}" for k in kinds)
    source = f"def every(x, y, z, p, {names}):\n  for i in range(x.size):\n" + "\n".join(lines)
    space = {}
    exec(source, space)
    shifts = (np.arange(x.size) % 64).astype(np.uint8)  # to shift further is undefined
    if "int" in b:  # integer powers of more than 2**16 go through floats in Numba
        powers = (np.arange(x.size) % 13 - (4 if a[0] == b[0] == "i" else 0)).astype(b)
        powers[x == 0] = 0  # 0 to a negative power is 1 / 0
    else:
        powers = y
    rights = {"LShift": shifts, "RShift": shifts, "Pow": powers}
    want, got = {}, {}
    with np.errstate(all="ignore"):
        for kind in kinds:
            got[kind] = BINARY[kind](x, rights.get(kind, y))
            want[kind] = np.empty_like(got[kind])
    numba.njit(space["every"], error_model="numpy")(x, y, shifts, powers, *want.values())
    for kind in kinds:
        # exact but for powers: both libraries are within two units in the last place
        eps = np.finfo(got[kind].dtype).eps if got[kind].dtype.kind == "f" else 0
        tolerance = 4 * eps if kind == "Pow" else 0
        np.testing.assert_allclose(got[kind], want[kind], rtol=tolerance, err_msg=kind)


def test_a_variable_of_two_types_keeps_that_of_its_own_branch_here():
    # Numba gives it float64 from the beginning; where lanes part, so does the machine.
    def halves(x, wide):
        y = x
        if wide:
            y = 0.1
        return y * y

    device = cuda.jit(device=True)(halves)

    @cuda.jit
    def kernel(x, wide, out):
        i = cuda.grid(1)
        out[i] = device(x[0], wide[i])

    x = np.full(1, 0.1, np.float32)
    numbas = numba.njit(halves)(x[0], False)
    one_way, both_ways = np.zeros(2), np.zeros(2)
    kernel[1, 2](x, np.array([False, False]), one_way)
    kernel[1, 2](x, np.array([False, True]), both_ways)
    assert numbas == float(x[0]) ** 2 == both_ways[0]
    assert one_way[0] == float(x[0] * x[0]) != float(numbas)
