"""Numba's numeric types on NumPy values: a scalar is uniform, a vector has one value a lane."""

import operator

import numpy as np

BOOL, INT64, UINT64 = np.dtype("bool"), np.dtype("int64"), np.dtype("uint64")
INT8, INT32, UINT16 = np.dtype("int8"), np.dtype("int32"), np.dtype("uint16")
FLOAT16, FLOAT32, FLOAT64 = np.dtype("float16"), np.dtype("float32"), np.dtype("float64")
HALF = (BOOL, INT8, FLOAT16)  # what stays float16 when one of two is


class Type:
    """A numeric type with Numba's name: casts a value, and is a `dtype` wherever one is asked."""

    def __init__(self, name):
        self.name = name
        self.dtype = np.dtype({"boolean": "bool", "void": "V"}.get(name, name))

    def __call__(self, *args):
        """Return a number as this type, or the Signature of a function from types to this one."""
        if all(isinstance(arg, Type) for arg in args):
            return Signature(self, args)
        (x,) = args
        return self.dtype.type(x)

    def __repr__(self):
        """Return Numba's name."""
        return self.name

    def __getitem__(self, _):
        """Return this type: `float32[:]` in a signature tells nothing that a launch does not."""
        return self


class Signature:
    """The types of a function: `float32(float32, int64)`."""

    def __init__(self, result, arguments):
        self.result, self.arguments = result, arguments

    def __repr__(self):
        """Return it as it is written."""
        return f"{self.result}({', '.join(map(str, self.arguments))})"


def dtype_of(kind):
    """Return the NumPy dtype that `kind` names: ours, Numba's, NumPy's, or a word.

    Raises TypeError if it names none that a kernel can hold.
    """
    if isinstance(kind, Type):
        return kind.dtype
    name = getattr(kind, "name", None)  # numba.types.float32.name
    try:
        dtype = np.dtype("bool" if name in ("bool", "boolean") else kind)
    except TypeError:
        try:
            dtype = np.dtype(name or kind)  # np.dtype(None) would be float64
        except TypeError:
            raise TypeError(f"{kind!r} is no type for an array on the device") from None
    if dtype.kind not in "biufc":
        raise TypeError(f"{kind!r} is no type for an array on the device")
    return np.dtype(dtype.type)


def constant(value):
    """Return a Python number as the NumPy scalar that Numba makes of it; others as they are."""
    if isinstance(value, bool):
        return np.bool_(value)
    if isinstance(value, int):
        return np.int64(value) if value < 2**63 else np.uint64(value)
    if isinstance(value, float):
        return np.float64(value)
    if isinstance(value, complex):
        return np.complex128(value)
    if isinstance(value, tuple):
        return tuple(constant(v) for v in value)
    return value


def wide(dtype):
    """Return what arithmetic makes of one integer: every integer becomes one of 64 bits."""
    if dtype.kind in "bi":
        return INT64
    return UINT64 if dtype.kind == "u" else dtype


def integers(a, b):
    """Return the type in which Numba combines two integers: signed if one of them is."""
    return UINT64 if a.kind == b.kind == "u" else INT64


def floats(a, b):
    """Return the type in which Numba combines an `a` and a `b`, one of them no integer."""
    a, b = (INT32 if kind == UINT16 else kind for kind in (a, b))
    both = np.promote_types(a, b)
    return FLOAT32 if both == FLOAT16 else both


def remainder(a, b):
    """Return the type of a // b and of a % b."""
    whole = a.kind in "biu" and b.kind in "biu"
    return integers(a, b) if whole else floats(a, b)


def arithmetic(a, b):
    """Return the type in which Numba adds an `a` and a `b`."""
    if FLOAT16 in (a, b) and a in HALF and b in HALF:
        return FLOAT16
    return remainder(a, b)


def quotient(a, b):
    """Return the type of a / b."""
    both = arithmetic(a, b)
    return FLOAT64 if both.kind in "iu" else both


def power(a, b):
    """Return the type of a ** b: a float to an integer's power keeps its own."""
    return floats(a, a) if a.kind == "f" and b.kind in "biu" else remainder(a, b)


def bitwise(a, b):
    """Return the type in which Numba combines the bits of an `a` and a `b`."""
    if a.kind not in "biu" or b.kind not in "biu":
        raise TypeError(f"no bits to combine in {a} and {b}")
    return BOOL if a == b == BOOL else integers(a, b)


def shifted(a, b):
    """Return the type of a << b and of a >> b: that of a."""
    if a.kind not in "biu" or b.kind not in "biu":
        raise TypeError(f"no bits to shift in {a} by {b}")
    return wide(a)


def unified(a, b):
    """Return the type of a variable that is an `a` on one way and a `b` on another."""
    return np.promote_types(a, b)


class Binary:
    """An operator with Numba's types: looks up once for each pair of types what to convert.

    rule : the type that both sides are converted to, by their types; None leaves them alone.
    """

    def __init__(self, apply, rule=None):
        self.apply, self.rule = apply, rule
        self.conversions = {}

    def __call__(self, a, b):
        """Return the operator's value on scalars or vectors `a` and `b`."""
        da, db = a.dtype, b.dtype
        try:
            to_a, to_b = self.conversions[da.num * 64 + db.num]
        except KeyError:
            to_a, to_b = self._learn(da, db)
        if to_a is not None:
            a = a.astype(to_a)
        if to_b is not None:
            b = b.astype(to_b)
        return self.apply(a, b)

    def _learn(self, da, db):
        want = (da, db) if self.rule is None else (self.rule(da, db),) * 2
        pair = tuple(None if w == d else w for w, d in zip(want, (da, db), strict=True))
        self.conversions[da.num * 64 + db.num] = pair
        return pair


def _power(a, b):
    if a.dtype.kind == "u":
        return a**b
    if a.dtype.kind == "i":  # NumPy refuses negative exponents; in Numba 1/a rounds towards 0
        whole = np.power(a, np.abs(b))
        return np.where((b < 0) & (np.abs(a) != 1), 0, whole).astype(a.dtype)[()]
    return a**b


BINARY = {
    "Add": Binary(operator.add, arithmetic),
    "Sub": Binary(operator.sub, arithmetic),
    "Mult": Binary(operator.mul, arithmetic),
    "Div": Binary(operator.truediv, quotient),
    "FloorDiv": Binary(operator.floordiv, remainder),
    "Mod": Binary(operator.mod, remainder),
    "Pow": Binary(_power, power),
    "LShift": Binary(operator.lshift, shifted),
    "RShift": Binary(operator.rshift, shifted),
    "BitAnd": Binary(operator.and_, bitwise),
    "BitOr": Binary(operator.or_, bitwise),
    "BitXor": Binary(operator.xor, bitwise),
    "Eq": Binary(operator.eq),  # NumPy compares numbers of two types by value, as Numba does
    "NotEq": Binary(operator.ne),
    "Lt": Binary(operator.lt),
    "LtE": Binary(operator.le),
    "Gt": Binary(operator.gt),
    "GtE": Binary(operator.ge),
}


def truth(x):
    """Return `x` as bool: a scalar or a vector."""
    return x if x.dtype == BOOL else x != 0


def negative(x):
    """Return -x."""
    return -x.astype(wide(x.dtype))


def positive(x):
    """Return +x."""
    return x.astype(wide(x.dtype))


def invert(x):
    """Return ~x; of a truth value, its opposite."""
    return ~x if x.dtype == BOOL else ~x.astype(wide(x.dtype))


def logical_not(x):
    """Return not x."""
    return ~truth(x)


UNARY = {"USub": negative, "UAdd": positive, "Invert": invert, "Not": logical_not}


def select(mask, a, b):
    """Return `a` where `mask`, else `b`; numbers of the type that holds both, tuples by item."""
    if isinstance(a, tuple) and isinstance(b, tuple) and len(a) == len(b):
        return tuple(select(mask, x, y) for x, y in zip(a, b, strict=True))
    if a is b:
        return a
    if not all(isinstance(x, np.ndarray | np.generic) for x in (a, b)):
        kinds = " and a ".join(type(x).__name__ for x in (a, b))
        raise TypeError(f"lanes hold a {kinds}: a variable has one type in all lanes")
    if a.dtype != b.dtype:
        both = unified(a.dtype, b.dtype)
        a, b = a.astype(both), b.astype(both)
    return np.where(mask, a, b)


boolean, void = Type("boolean"), Type("void")
int8, int16, int32, int64 = Type("int8"), Type("int16"), Type("int32"), Type("int64")
uint8, uint16, uint32, uint64 = Type("uint8"), Type("uint16"), Type("uint32"), Type("uint64")
float16, float32, float64 = Type("float16"), Type("float32"), Type("float64")
complex64, complex128 = Type("complex64"), Type("complex128")
