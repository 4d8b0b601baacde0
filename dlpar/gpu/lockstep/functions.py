"""Functions that a kernel may call by their usual names: builtins, `math`, NumPy's for scalars."""

import builtins
import math

import numpy as np

from dlpar.gpu.lockstep.types import BINARY, FLOAT64, INT64, constant, truth, unified, wide


def _real(x):
    """Return `x` as a float: integers become float64, floats stay what they are."""
    return x.astype(FLOAT64) if x.dtype.kind in "biu" else x


def _of_reals(function):
    return lambda *xs: function(*map(_real, _alike(xs)))


def _alike(xs):
    """Return numbers `xs` in the one type that holds all."""
    if len(xs) == 1:
        return xs
    both = xs[0].dtype
    for x in xs[1:]:
        both = unified(both, x.dtype)
    return tuple(x.astype(both) for x in xs)


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


def _abs(x):
    return np.abs(x.astype(wide(x.dtype)))


def _round(x, digits=None):
    if digits is not None:
        return np.round(x, int(digits))
    return np.rint(x).astype(INT64)


def _to_integer(function):
    return lambda x: function(_real(x)).astype(INT64)


def _length(x):
    return constant(len(x) if isinstance(x, tuple) else int(x.shape[0]))


def _each(function):
    """Return a function of Python floats as one of vectors; seldom used, hence slow."""
    vectorized = np.vectorize(function, otypes=[float])
    return lambda *xs: vectorized(*xs).astype(_real(xs[0]).dtype)[()]


_erf, _erfc = _each(math.erf), _each(math.erfc)
_gamma, _lgamma = _each(math.gamma), _each(math.lgamma)

TABLE = {
    builtins.abs: _abs,
    builtins.min: least,
    builtins.max: greatest,
    builtins.round: _round,
    builtins.len: _length,
    builtins.int: lambda x: x.astype(INT64),
    builtins.float: lambda x: x.astype(FLOAT64),
    builtins.bool: truth,
    builtins.pow: lambda x, y: BINARY["Pow"](x, y),
    builtins.divmod: lambda x, y: (BINARY["FloorDiv"](x, y), BINARY["Mod"](x, y)),
    builtins.complex: lambda x, *y: x + 1j * y[0] if y else x + 0j,
    math.floor: _to_integer(np.floor),
    math.ceil: _to_integer(np.ceil),
    math.trunc: _to_integer(np.trunc),
    math.pow: _of_reals(np.power),
    math.fabs: _of_reals(np.abs),
    math.fmod: _of_reals(np.fmod),
    math.atan2: _of_reals(np.arctan2),
    math.hypot: _of_reals(np.hypot),
    math.copysign: _of_reals(np.copysign),
    math.isnan: lambda x: np.isnan(_real(x)),
    math.isinf: lambda x: np.isinf(_real(x)),
    math.isfinite: lambda x: np.isfinite(_real(x)),
    math.erf: _erf,
    math.erfc: _erfc,
    math.gamma: _gamma,
    math.lgamma: _lgamma,
    math.modf: lambda x: np.modf(_real(x)),
    math.frexp: lambda x: np.frexp(_real(x)),
    math.ldexp: lambda x, e: np.ldexp(_real(x), e.astype(np.int32)),
    math.radians: _of_reals(np.radians),
    math.degrees: _of_reals(np.degrees),
}
for _name in (
    "sqrt", "exp", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "asin", "acos",
    "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh",
):  # fmt: skip
    _numpys = _name.replace("a", "arc", 1) if _name.startswith("a") else _name
    TABLE[getattr(math, _name)] = _of_reals(getattr(np, _numpys))
    TABLE[getattr(np, _numpys)] = _of_reals(getattr(np, _numpys))
for _name in (
    "exp2", "cbrt", "square", "floor", "ceil", "trunc", "rint", "sign", "isnan", "isinf",
    "isfinite", "reciprocal", "deg2rad", "rad2deg",
):  # fmt: skip
    TABLE[getattr(np, _name)] = _of_reals(getattr(np, _name))
for _name in ("arctan2", "hypot", "copysign", "fmod", "logaddexp", "power"):
    TABLE[getattr(np, _name)] = _of_reals(getattr(np, _name))
TABLE |= {
    np.abs: _abs,
    np.fabs: _of_reals(np.abs),
    np.minimum: lambda x, y: np.minimum(*_alike((x, y))),
    np.maximum: lambda x, y: np.maximum(*_alike((x, y))),
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


def lookup(what):
    """Return the vector form of the Python function `what`, or None."""
    try:
        return TABLE.get(what)
    except TypeError:  # not hashable
        return None
