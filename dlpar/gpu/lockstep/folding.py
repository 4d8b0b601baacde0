"""What sums of constants come to before the launch: `TILE + 1`, `4 * 32`, `len(SHAPE)`."""

import operator
from typing import Any

OPERATORS: dict[str, Any] = {
    "Add": operator.add, "Sub": operator.sub, "Mult": operator.mul, "Div": operator.truediv,
    "FloorDiv": operator.floordiv, "Mod": operator.mod, "Pow": operator.pow,
    "LShift": operator.lshift, "RShift": operator.rshift, "BitAnd": operator.and_,
    "BitOr": operator.or_, "BitXor": operator.xor, "USub": operator.neg, "UAdd": operator.pos,
    "Invert": operator.invert, "Not": operator.not_,
}  # fmt: skip
FUNCTIONS = (int, float, len, max, min, abs)
WIDEST = 128  # bits of an integer on the way to a constant, as Python's own compiler has it


def combined(kind, *numbers):
    """Return the operator `kind` of ints and floats.

    Raises ValueError, before it computes it, for an integer of more than WIDEST bits.
    """
    whole = all(isinstance(n, int) for n in numbers)
    if whole and len(numbers) == 2 and _bits(kind, *numbers) > WIDEST:
        raise ValueError(f"this constant is an integer of more than {WIDEST} bits")
    return OPERATORS[kind](*numbers)


def _bits(kind, a, b):
    """Return at most how many bits the result has, for the operators that make more of them."""
    if kind == "Mult":
        return a.bit_length() + b.bit_length()
    if kind == "Pow" and abs(a) > 1:
        return a.bit_length() * b
    return a.bit_length() + b if kind == "LShift" and a else 0
