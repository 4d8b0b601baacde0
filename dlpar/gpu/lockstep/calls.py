"""Calls in a kernel: of the CUDA surface, of device functions, of Python's and NumPy's own."""

import ast

import numpy as np

from dlpar.gpu.lockstep.functions import lookup, printed
from dlpar.gpu.lockstep.intrinsic import Intrinsic
from dlpar.gpu.lockstep.source import MISSING
from dlpar.gpu.lockstep.subscripts import Subscripts
from dlpar.gpu.lockstep.types import dtype_of


class Calls(Subscripts):
    """Translates the calls of one function."""

    def _value_Call(self, node):
        if isinstance(node.func, ast.Attribute) and self.static(node.func.value) is MISSING:
            return self._method(node)
        what = self.static(node.func)
        if what is MISSING:
            raise self.source.unsupported(node, f"no function {ast.unparse(node.func)} is known")
        if what is print:
            what = printed
        if isinstance(what, Intrinsic):
            return self._intrinsic(node, what)
        if hasattr(what, "lockstep_source"):
            return self._device_function(node, what)
        if node.keywords:
            raise self.source.unsupported(node, "named arguments are not supported here")
        args = [self.value(arg) for arg in node.args]
        found = lookup(what)
        casts = found is None or what is float  # a conversion is no float operation
        if found is None:
            found = self._cast(node, what)
        site, counted = self.source.site(node), self.metered and not casts

        def call(m, env):
            value = found(*(arg(m, env) for arg in args))
            if counted and getattr(value, "dtype", None) is not None and value.dtype.kind == "f":
                m.meter.flops(m, site)
            return value

        return call

    def _cast(self, node, what):
        try:
            dtype = dtype_of(what)
        except TypeError:
            name = ast.unparse(node.func)
            raise self.source.unsupported(
                node,
                f"{name} cannot be called in a kernel; make it a device function with "
                "@cuda.jit(device=True)"
                if callable(what)
                else f"{name} is no function",
            ) from None
        return lambda x: x.astype(dtype)

    def _intrinsic(self, node, what):
        site = self.source.site(node)
        lower = what.unused if node in self.dropped else what.lower
        if what.static:
            words = {word.arg: self._static_argument(word.value) for word in node.keywords}
            args = [self._static_argument(arg) for arg in node.args]
            return lower(self, node, *args, **words)
        args = [self.value(arg) for arg in node.args]
        words = {word.arg: self.value(word.value) for word in node.keywords}
        access = self.access(node) if what.access else site
        metered, meter = self.metered, what.meter

        def call(m, env):
            if metered and meter:
                getattr(m.meter, meter)(m, site)
            try:
                return lower(
                    m,
                    access,
                    *(arg(m, env) for arg in args),
                    **{key: word(m, env) for key, word in words.items()},
                )
            except TypeError as error:
                if "argument" in str(error):
                    raise TypeError(
                        f"{site.kernel}, line {site.line}: {what.name}: {error}"
                    ) from None
                raise

        return call

    def _static_argument(self, node):
        """Return a shape, a type, a number of dimensions: what Numba wants to know beforehand.

        Like Numba it takes numbers and names of numbers, also of the function's own if they are
        assigned once, but no sums with names.
        """
        for part in node.elts if isinstance(node, ast.Tuple) else [node]:
            names = any(isinstance(leaf, ast.Name) for leaf in ast.walk(part))
            if isinstance(part, ast.BinOp) and names:
                text = ast.unparse(part)
                raise self.source.unsupported(
                    node, f"Numba takes no {text} here: give it a name outside the kernel"
                )
        known = self.static(self._renamed(node))
        if known is MISSING:
            raise self.source.unsupported(
                node, f"{ast.unparse(node)} must be a constant: shapes are fixed before the launch"
            )
        return known

    def _renamed(self, node):
        """Return `node` with a variable of the function replaced by its one value, `n = TILE`."""
        if isinstance(node, ast.Tuple):
            parts = [self._renamed(part) for part in node.elts]
            return ast.copy_location(ast.Tuple(parts, ast.Load()), node)
        if not isinstance(node, ast.Name) or node.id not in self.slots:
            return node
        stored = [
            n for n in ast.walk(self.source.tree) if isinstance(n, ast.Name) and n.id == node.id
        ]
        once = sum(isinstance(n.ctx, ast.Store) for n in stored) == 1
        for statement in ast.walk(self.source.tree):
            if once and isinstance(statement, ast.Assign) and statement.targets[0] in stored:
                value = statement.value
                return value if isinstance(value, ast.Constant | ast.Name) else node
        return node

    def _method(self, node):
        owner, name = self.value(node.func.value), node.func.attr
        args, site = [self.value(arg) for arg in node.args], self.source.site(node)

        def call(m, env):
            thing = owner(m, env)
            if name == "conjugate" and isinstance(thing, np.ndarray | np.generic):
                return np.conjugate(thing)
            method = getattr(thing, f"lockstep_{name}", None)
            if method is None:
                raise self.source.unsupported(node, f"no method {name} in a kernel")
            return method(m, site, *(arg(m, env) for arg in args))

        return call

    def _device_function(self, node, function):
        body = self.compile_function(function, self, node)
        args = [self.value(arg) for arg in node.args]
        if node.keywords or len(args) != len(body.parameters):
            need = ", ".join(body.parameters)
            raise TypeError(
                f"{self.source.name}, line {self.source.site(node).line}: "
                f"{body.name} takes ({need})"
            )
        return lambda m, env: body(m, [arg(m, env) for arg in args])
