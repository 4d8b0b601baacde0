"""A kernel's source as a syntax tree, with the names that it takes from outside."""

import ast
import builtins
import inspect
import textwrap
from dataclasses import dataclass
from functools import cached_property

import numpy as np

MISSING = object()


@dataclass(frozen=True)
class Site:
    """A place in a kernel's source. `line` counts from the top of the file or notebook cell."""

    kernel: str
    line: int
    text: str


class Source:
    """A function's syntax tree; `outer` looks a name up where the function was defined.

    Raises NotImplementedError if the function is no `def` of its own or has no source.
    """

    def __init__(self, function):
        self.function, self.name = function, function.__name__
        try:
            lines, first = inspect.getsourcelines(function)
        except (OSError, TypeError):
            raise NotImplementedError(
                f"{self.name} has no source: define it in a file or in a notebook cell"
            ) from None
        self.first = max(first, 1)
        text = textwrap.dedent("".join(lines))
        self.lines = text.splitlines()
        self._sites, self._frozen = {}, {}
        self.tree = self._function_in(text)
        a = self.tree.args
        if a.vararg or a.kwarg or a.kwonlyargs or a.posonlyargs or a.defaults:
            raise self.unsupported(self.tree, "a kernel takes plain arguments, without defaults")
        self.parameters = [arg.arg for arg in a.args]

    def _function_in(self, text):
        """Return the function's `def`: a lambda becomes one that returns its value."""
        try:
            tree = ast.parse(text)
        except SyntaxError:  # a lambda in a call of several lines
            tree = ast.Module([], [])
        if tree.body and isinstance(tree.body[0], ast.FunctionDef):
            return tree.body[0]
        lambdas = [node for node in ast.walk(tree) if isinstance(node, ast.Lambda)]
        if self.name != "<lambda>" or len(lambdas) != 1:
            raise NotImplementedError(f"a kernel is a `def` of its own, not: {self.lines[0]}")
        (node,) = lambdas
        returned = ast.copy_location(ast.Return(node.body), node.body)
        made = ast.FunctionDef(self.name, node.args, [returned], [])
        return ast.copy_location(made, node)

    def site(self, node):
        """Return where `node` stands."""
        number = node.lineno
        if number not in self._sites:
            line = self.first + number - 1
            self._sites[number] = Site(self.name, line, self.lines[number - 1].strip())
        return self._sites[number]

    def unsupported(self, node, what):
        """Return the error that says that the machine does not run `what`."""
        site = self.site(node)
        return NotImplementedError(f"{self.name}, line {site.line}: {what}\n    {site.text}")

    def outer(self, name):
        """Return what `name` means outside the function, or MISSING; frozen once asked for."""
        if name not in self._frozen:
            value = self._outer(name)
            if value is MISSING:
                return MISSING
            self._frozen[name] = value.copy() if isinstance(value, np.ndarray) else value
        return self._frozen[name]

    def _outer(self, name):
        code = self.function.__code__
        if name in code.co_freevars:
            cell = self.function.__closure__[code.co_freevars.index(name)]
            try:
                return cell.cell_contents
            except ValueError:
                return MISSING
        return self.function.__globals__.get(name, getattr(builtins, name, MISSING))

    def locals(self):
        """Return the names that the function assigns, parameters first."""
        names = dict.fromkeys(self.parameters)
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names[node.id] = None
        return list(names)

    def changes(self, name, ndim):
        """Whether the function may change array `name`, of `ndim` dimensions, by whatever name.

        What it cannot change it only reads, and then nobody can race for it.
        """
        return any(given is None or given < ndim for given in self._changed.get(name, ()))

    @cached_property
    def _changed(self):
        """For each name: None where it is changed, or the number of indices in `other = name[i]`.

        An array with more dimensions than that has another name from then on, for one of its rows.
        """
        found: dict[str, set] = {}
        for node in ast.walk(self.tree):
            for part, given in self._changed_by(node):
                root = _root(part)
                if isinstance(root, ast.Name):
                    found.setdefault(root.id, set()).add(given)
                    continue
                for name in ast.walk(root):  # `(a, b)[k][i] = x` may change whichever it names
                    if isinstance(name, ast.Name):
                        found.setdefault(name.id, set()).add(None)
        return found

    def _changed_by(self, node):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            yield node, None
        elif isinstance(node, ast.Call):
            called = self._called(node.func)
            if getattr(called, "access", False):  # an atomic, or a random number
                named = [word.value for word in node.keywords]
                yield from ((part, None) for part in [*node.args[:1], *named])
            elif hasattr(called, "lockstep_source"):
                yield from ((part, None) for part in node.args)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(not isinstance(target, ast.Subscript) for target in targets):
                yield from _named_again(node.value)
        elif isinstance(node, ast.For):
            yield from _named_again(node.iter)

    def _called(self, node):
        if isinstance(node, ast.Attribute):
            return getattr(self._called(node.value), node.attr, MISSING)
        return self.outer(node.id) if isinstance(node, ast.Name) else MISSING


def _named_again(node):
    """Yield the arrays that `name = node` gives another name, with the number of indices."""
    if isinstance(node, ast.Name):
        yield node, None
    elif isinstance(node, ast.Tuple):
        for part in node.elts:
            yield from _named_again(part)
    elif isinstance(node, ast.IfExp | ast.BoolOp):
        parts = node.values if isinstance(node, ast.BoolOp) else (node.body, node.orelse)
        for part in parts:
            yield from _named_again(part)
    elif isinstance(node, ast.Subscript):
        index = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        yield node, None if any(isinstance(i, ast.Slice) for i in index) else len(index)


def _root(node):
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    return node
