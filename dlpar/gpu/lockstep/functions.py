"""Functions that a kernel may call by their usual names: builtins, `math`, NumPy's for scalars."""

import builtins
import math

import numpy as np

from dlpar.gpu.lockstep.intrinsic import Intrinsic
from dlpar.gpu.lockstep.types import (
    BINARY,
    FLOAT16,
    FLOAT32,
    FLOAT64,
    INT64,
    constant,
    floats,
    truth,
    unified,
)


def _real(x):
    """Return `x` as a float: integers become float64, float16 becomes float32."""
    if x.dtype.kind in "biu":
        return x.astype(FLOAT64)
    return x.astype(FLOAT32) if x.dtype == FLOAT16 else x


def _half(x):
    """Return `x` as a float, where float16 stays what it is."""
    return x if x.dtype == FLOAT16 else _real(x)


def _small(x):
    """Return `x` as a float: integers that float32 holds become float32, as numba.cuda has it."""
    return x.astype(floats(x.dtype, FLOAT32))


def _numpys(x):
    """Return `x` as a float: integers of up to 16 bits become float32, as NumPy has it."""
    return x.astype(np.promote_types(x.dtype, FLOAT32))


def _of(function, convert):
    """Return `function` of its arguments in one type, converted."""
    return lambda *xs: function(*map(convert, _alike(xs)))


def _alike(xs):
    """Return numbers `xs` in the one type that holds all."""
    both = xs[0].dtype
    for x in xs[1:]:
        both = unified(both, x.dtype)
    return tuple(x if x.dtype == both else x.astype(both) for x in xs)


def least(*xs):
    """Return the smallest of numbers `xs`; NaN loses, as in CUDA's fmin."""
    first, *rest = _alike(xs if len(xs) > 1 else xs[0])
    for x in rest:
        first = np.fmin(first, x)
    return first


def greatest(*xs):
    """Return the largest of numbers `xs`; NaN loses, as in CUDA's fmax."""
    first, *rest = _alike(xs if len(xs) > 1 else xs[0])
    for x in rest:
        first = np.fmax(first, x)
    return first


def _no_bool(x):
    return x.astype(np.int8) if x.dtype.kind == "b" else x


def _abs(x):
    return np.abs(_no_bool(x))


def _round(x, digits=None):
    if digits is not None:
        return np.round(_small(x), int(digits))
    return np.rint(x).astype(INT64)


def _int(x):
    """Return `x` as an integer: floats become int64, integers stay what they are."""
    return x if x.dtype.kind in "iu" else x.astype(INT64)


def _float(x):
    """Return `x` as a float: integers become float64, floats stay what they are."""
    return _half(x)


def _frexp(x):
    mantissa, exponent = np.frexp(_small(x))
    return mantissa, exponent.astype(np.int32)


def _length(x):
    return constant(len(x) if isinstance(x, tuple) else int(x.shape[0]))


def _each(function, at_pole=lambda x: math.nan):
    """Return a function of Python floats as one of vectors; seldom used, hence slow.

    Where Python's raises an error a GPU's does not, and lanes that are not active hold anything.
    """

    def value(x):
        try:
            return function(x)
        except OverflowError:
            return math.inf
        except ValueError:
            return at_pole(x)

    vectorized = np.vectorize(value, otypes=[float])
    return lambda *xs: vectorized(*xs).astype(xs[0].dtype)[()]


TABLE = {
    builtins.abs: _abs,
    builtins.min: least,
    builtins.max: greatest,
    builtins.round: _round,
    builtins.len: _length,
    builtins.int: _int,
    builtins.float: _float,
    builtins.bool: truth,
    builtins.pow: BINARY["Pow"],
    builtins.divmod: lambda x, y: (BINARY["FloorDiv"](x, y), BINARY["Mod"](x, y)),
    builtins.complex: lambda x, *y: x + 1j * y[0] if y else x + 0j,
    math.pow: _of(np.power, _small),
    math.fmod: _of(np.fmod, _small),
    math.copysign: _of(np.copysign, _small),
    math.atan2: _of(np.arctan2, _real),
    math.hypot: _of(np.hypot, _real),
    math.isnan: _of(np.isnan, _real),
    math.isinf: _of(np.isinf, _real),
    math.isfinite: _of(np.isfinite, _real),
    math.erf: _of(_each(math.erf), _real),
    math.erfc: _of(_each(math.erfc), _real),
    math.gamma: _of(
        _each(math.gamma, lambda x: math.nan if x else math.copysign(math.inf, x)), _real
    ),
    math.lgamma: _of(_each(math.lgamma, lambda x: math.inf), _real),
    math.modf: lambda x: np.modf(_real(x)),
    math.frexp: _frexp,
    math.ldexp: lambda x, e: np.ldexp(_small(x), e.astype(np.int32)),
    math.radians: _of(np.radians, _real),
    math.degrees: _of(np.degrees, _real),
    math.fabs: _of(np.abs, _half),
    math.floor: _of(np.floor, _half),  # a float in Numba, too, and hence no index
    math.ceil: _of(np.ceil, _half),
    math.trunc: _of(np.trunc, _half),
}
for _name in ("sqrt", "exp", "log", "log2", "log10", "sin", "cos"):
    TABLE[getattr(math, _name)] = _of(getattr(np, _name), _half)
    TABLE[getattr(np, _name)] = _of(getattr(np, _name), _numpys)
for _name in (
    "expm1", "log1p", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh",
    "atanh",
):  # fmt: skip
    _function = getattr(np, _name.replace("a", "arc", 1) if _name.startswith("a") else _name)
    TABLE[getattr(math, _name)] = _of(_function, _real)
    TABLE[_function] = _of(_function, _numpys)
for _name in (
    "exp2", "cbrt", "rint", "isnan", "isinf", "isfinite", "reciprocal", "deg2rad", "rad2deg",
    "radians", "degrees", "arctan2", "hypot", "copysign", "fmod", "logaddexp", "fabs",
):  # fmt: skip
    TABLE[getattr(np, _name)] = _of(getattr(np, _name), _numpys)


def _as_it_is(x):
    """Return `x`, but for float16, which NumPy's functions take as float32."""
    return x.astype(FLOAT32) if x.dtype == FLOAT16 else x


for _name in ("floor", "ceil", "trunc", "square", "abs", "minimum", "maximum", "power"):
    TABLE[getattr(np, _name)] = _of(getattr(np, _name), _as_it_is)
TABLE |= {
    np.sign: lambda x: np.sign(_no_bool(_as_it_is(x))),
    np.fmin: least,
    np.fmax: greatest,
    np.add: BINARY["Add"],
    np.subtract: BINARY["Sub"],
    np.multiply: BINARY["Mult"],
    np.divide: BINARY["Div"],
    np.bitwise_and: BINARY["BitAnd"],
    np.bitwise_or: BINARY["BitOr"],
    np.bitwise_xor: BINARY["BitXor"],
}


def _print(m, site, *values):
    """Print `values`, numbers and texts, one line a lane, in lane order."""
    if not all(isinstance(v, str | np.ndarray | np.generic) for v in values):
        raise TypeError(f"{site.kernel}, line {site.line}: print takes numbers and texts")
    columns = [v if isinstance(v, str) else m.spread(v) for v in values]
    for lane in m.running().nonzero()[0]:
        print(*(column if isinstance(column, str) else column[lane] for column in columns))


printed = Intrinsic("print", _print)


def lookup(what):
    """Return the vector form of the Python function `what`, or None."""
    try:
        return TABLE.get(what)
    except TypeError:  # not hashable
        return None
