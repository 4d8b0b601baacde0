"""Expressions of a kernel, translated once into closures `value(m, env)`.

`m` is the Machine; `env` holds the function's variables, by slot. A closure returns a NumPy scalar
where the value is the same in all lanes, a vector with one entry a lane where it may differ, or a
View of an array, a tuple, a group. In lanes that are not active a vector holds anything.
"""

import ast

import numpy as np

from dlpar.gpu.lockstep.errors import DivisionByZero, NotANumber
from dlpar.gpu.lockstep.folding import FUNCTIONS, OPERATORS, combined
from dlpar.gpu.lockstep.intrinsic import Intrinsic
from dlpar.gpu.lockstep.memory import View, view_of
from dlpar.gpu.lockstep.source import MISSING
from dlpar.gpu.lockstep.types import BINARY, UNARY, constant, select, truth
from dlpar.gpu.lockstep.variables import UNSET, Partly


class Expressions:
    """Translates expressions of one function. `meter` says whether to count while running."""

    def __init__(self, source, compile_function, checks, metered):
        self.source, self.compile_function = source, compile_function
        self.checks, self.metered = checks, metered
        self.slots = {name: slot for slot, name in enumerate(source.locals())}
        self.dropped = set()  # calls whose value nobody uses
        self.accesses = []  # to be made to forget after a launch

    def value(self, node):
        """Return the closure of an expression."""
        translate = getattr(self, f"_value_{type(node).__name__}", None)
        if translate is None:
            raise self.source.unsupported(node, f"{type(node).__name__} is not supported")
        known = self.static(node)
        if known is not MISSING:
            return self.fixed(node, known)
        return translate(node)

    # What is known before the launch

    def static(self, node):
        """Return the Python object that `node` always is, or MISSING."""
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            return MISSING if node.id in self.slots else self.source.outer(node.id)
        if isinstance(node, ast.Attribute):
            owner = self.static(node.value)
            return MISSING if owner is MISSING else getattr(owner, node.attr, MISSING)
        if isinstance(node, ast.Tuple):
            parts = [self.static(part) for part in node.elts]
            # `cuda.threadIdx.x, cuda.threadIdx.y` is known only when it runs.
            unknown = any(part is MISSING or isinstance(part, Intrinsic) for part in parts)
            return MISSING if unknown else tuple(parts)
        if isinstance(node, ast.BinOp | ast.UnaryOp | ast.Subscript | ast.Call):
            try:
                return self._folded(node)
            except (ZeroDivisionError, OverflowError):  # it is what it is where it runs
                return MISSING
            except (ValueError, TypeError, IndexError) as error:
                raise self.source.unsupported(node, str(error)) from None
        return MISSING

    def _folded(self, node):
        """Return the value of a sum of constants, as `TILE + 1`, or of an item of a constant."""
        if isinstance(node, ast.Call):
            what, args = self.static(node.func), [self.static(arg) for arg in node.args]
            plain = isinstance(what, type | type(len)) and what in FUNCTIONS
            if not plain or not args or node.keywords:
                return MISSING
            numbers = all(isinstance(a, int | float | tuple) for a in args)
            return what(*args) if numbers else MISSING
        parts = [
            self.static(part) for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr)
        ]
        if any(part is MISSING for part in parts):
            return MISSING
        if isinstance(node, ast.Subscript) and isinstance(parts[0], tuple):
            return parts[0][parts[1]]
        if isinstance(node, ast.Subscript) or not all(type(p) in (int, float) for p in parts):
            return MISSING
        kind = type(node.op).__name__
        return combined(kind, *parts) if kind in OPERATORS else MISSING

    def fixed(self, node, known):
        """Return the closure of what is known: a number, an array, or what only a call uses."""
        if isinstance(known, np.ndarray):
            name = ast.unparse(node)
            view = view_of(np.ascontiguousarray(known), name, "constant")
            return lambda m, env: view
        if isinstance(known, Intrinsic) and known.reads:
            read = known.lower
            return lambda m, env: read(m)
        try:
            known = constant(known)
        except OverflowError:
            raise self.source.unsupported(node, "no integer has more than 64 bits") from None
        return lambda m, env: known

    # Names, numbers, arithmetic

    def _value_Constant(self, node):
        return self.fixed(node, node.value)

    def _value_Name(self, node):
        if node.id not in self.slots:
            where = f"{self.source.name}, line {self.source.site(node).line}"
            raise NameError(f"{where}: {node.id} is not defined")
        slot, site, name = self.slots[node.id], self.source.site(node), node.id

        def read(m, env):
            value = env[slot]
            if value is UNSET:
                where = f"{site.kernel}, line {site.line}"
                raise UnboundLocalError(f"{where}: {name} is read before it is assigned")
            if type(value) is Partly:
                value = value.read(m, name, site)
                if not m.partial:  # all lanes that still run have assigned it
                    env[slot] = value
            return value

        return read

    def _value_BinOp(self, node):
        a, b = self.value(node.left), self.value(node.right)
        kind = type(node.op).__name__
        if kind == "MatMult":
            raise self.source.unsupported(node, "@ is no operator for one thread")
        if kind == "Pow" and isinstance(node.right, ast.Constant) and node.right.value == 2:
            product = self.arithmetic(node, "Mult", lambda m, x: x, lambda m, x: x)
            return lambda m, env: product(m, a(m, env))  # which is evaluated once
        return self.arithmetic(node, kind, a, b)

    def arithmetic(self, node, kind, a, b):
        """Return the closure of `a kind b`, counted and watched as asked."""
        apply, site = BINARY[kind], self.source.site(node)

        plain = self.combined(node, apply, a, b)
        if not (self.metered or self.checks.nan or self.checks.division):
            return plain
        divides = self.checks.division and kind in ("Div", "FloorDiv", "Mod")
        metered, nan = self.metered, self.checks.nan
        plain = self.combined(node, apply, lambda m, pair: pair[0], lambda m, pair: pair[1])

        def watched(m, env):
            x, y = a(m, env), b(m, env)
            if divides:
                _refuse(m, y == 0, DivisionByZero, "division by zero", site)
            value = plain(m, (x, y))
            if nan and value.dtype.kind == "f":
                _refuse(m, np.isnan(value), NotANumber, "the result is not a number", site)
            if metered and value.dtype.kind in "fc":
                m.meter.flops(m, site)
            return value

        return watched

    def combined(self, node, apply, a, b):
        """Return the closure of `apply` on two numbers; what is no number has no operators."""

        def combine(m, env):
            x, y = a(m, env), b(m, env)
            try:
                return apply(x, y)
            except (AttributeError, TypeError):
                kinds = " and ".join(_kind(v) for v in (x, y))
                raise self.source.unsupported(
                    node, f"operators combine two numbers, not {kinds}"
                ) from None

        return combine

    def _value_UnaryOp(self, node):
        operand, apply = self.value(node.operand), UNARY[type(node.op).__name__]
        return lambda m, env: apply(operand(m, env))

    def _value_BoolOp(self, node):
        parts = [self.value(part) for part in node.values]
        return self.shortcut(parts, isinstance(node.op, ast.And))

    def _value_Compare(self, node):
        terms = [self.value(term) for term in (node.left, *node.comparators)]
        kinds = [type(op).__name__ for op in node.ops]
        if strange := set(kinds) - set(BINARY):
            raise self.source.unsupported(node, f"{min(strange)} is no comparison of numbers")
        if len(kinds) == 1:
            return self.combined(node, BINARY[kinds[0]], *terms)

        def chain(m, env):
            left = terms[0](m, env)
            result, saved = None, m.active
            try:
                for kind, term in zip(kinds, terms[1:], strict=True):
                    right = term(m, env)
                    this = BINARY[kind](left, right)
                    result = this if result is None else result & this
                    if not _narrow(m, saved, result):
                        break
                    left = right
            finally:
                m.active = saved
            return result

        return chain

    def shortcut(self, parts, all_of):
        """Return the closure of `and` (`all_of`) or `or`: a part runs where it can still matter."""

        def evaluate(m, env):
            result, saved = parts[0](m, env), m.active
            try:
                for part in parts[1:]:
                    so_far = truth(result)
                    undecided = so_far if all_of else ~so_far
                    if not _narrow(m, saved, undecided):
                        break
                    value = part(m, env)
                    uniform = undecided.ndim == 0
                    result = value if uniform else select(undecided, value, result)
            finally:
                m.active = saved
            return result

        return evaluate

    def _value_IfExp(self, node):
        test, yes, no = (self.value(part) for part in (node.test, node.body, node.orelse))

        def choose(m, env):
            c = truth(test(m, env))
            if c.ndim == 0:
                return (yes if c else no)(m, env)
            saved = m.active
            try:
                a = yes(m, env) if _narrow(m, saved, c) else None
                b = no(m, env) if _narrow(m, saved, ~c) else None
            finally:
                m.active = saved
            return b if a is None else a if b is None else select(c, a, b)

        return choose

    # Tuples

    def _value_Tuple(self, node):
        parts = [self.value(part) for part in node.elts]
        return lambda m, env: tuple(part(m, env) for part in parts)


def _narrow(m, saved, where):
    """Leave active those of `saved` that are in `where`; return whether anybody is."""
    if where.ndim == 0:
        return bool(where)
    mask = where if saved is None else where & saved
    if not mask.any():
        return False
    m.active = saved if (saved is not None and mask.sum() == saved.sum()) else mask
    if saved is None and mask.all():
        m.active = None
    return True


def _kind(value):
    """Return what a value of a kernel is, in a word."""
    if isinstance(value, View):
        return "an array"
    return str(value.dtype) if hasattr(value, "dtype") else f"a {type(value).__name__}"


def _refuse(m, bad, error, message, site):
    bad = m.spread(bad) & m.running()
    if bad.any():
        raise error(message, site, *m.blame(int(np.argmax(bad))))
