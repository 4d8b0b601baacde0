"""A learner's kernels: read, launched on the lock-step machine and counted.

No line of a notebook with kernels is run as Python. Of its cells count only the kernels, constants
that are literals, and imports of what a kernel may use; the machine walks the kernels' syntax
trees. So what has been counted is what the kernel did: nothing in the learner's hands can change a
counter. When a lab is graded all this happens in the sandbox, where it also has an end.
"""

import ast
import functools
import linecache
import math
import sys
from dataclasses import fields
from types import SimpleNamespace

import numpy as np

from dlpar import gpu
from dlpar.gpu.counts import Counts
from dlpar.gpu.lockstep import cuda, types
from dlpar.gpu.lockstep.functions import lookup
from dlpar.gpu.lockstep.intrinsic import Intrinsic
from dlpar.gpu.profile import profile
from dlpar.labs.notebook import HOLE, parsed
from dlpar.labs.task import CheckFailure

STEPS = 20_000  # iterations of loops in one launch; the labs' kernels need a few hundred
COUNTERS = tuple(field.name for field in fields(Counts))
KINDS = (Intrinsic, types.Type, SimpleNamespace, type(cuda.threadIdx), int, float)


def _usable_of(module, **more):
    """Return a module's names that mean something to a kernel, and no path to anything else."""
    public = {name: thing for name, thing in vars(module).items() if not name.startswith("_")}
    return SimpleNamespace(**{n: t for n, t in public.items() if _usable(t)} | more)


def _usable(thing):
    """Whether `thing` is an intrinsic, a numeric type, a number, or a function of numbers."""
    number = isinstance(thing, type) and issubclass(thing, np.number | np.bool_)
    return number or isinstance(thing, KINDS) or lookup(thing) is not None


# The lock-step machine's surface, wherever we are.
SURFACE = _usable_of(types, cuda=_usable_of(cuda, random=_usable_of(cuda.random)))
MODULES = {
    "dlpar.gpu": SURFACE, "numba": SURFACE, "math": _usable_of(math), "numpy": _usable_of(np),
}  # fmt: skip


def kernels_of(cells):
    """Return {name: launch}, and what does not parse as `definitions` does.

    launch(grid, block, *args, shared=0) launches the kernel `name`, with every check of the machine
    on, and returns {counter: int}, the COUNTERS of `dlpar.gpu.profile`. Arrays are afterwards as
    the kernel left them. Raises what the machine raises, and NotImplementedError for a skeleton.
    """
    namespace: dict = {"__name__": "lab"}
    launches: dict = {}
    broken: dict = {}
    for file, tree in parsed(cells, broken):
        for node in tree.body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                namespace |= _imported(node)
            elif isinstance(node, ast.Assign):
                namespace |= _constants(node)
            elif isinstance(node, ast.FunctionDef) and _decorated(node) is not None:
                # No function of ours, whose lines a verdict would show: the machine names its own.
                launches[node.name] = functools.partial(*_launch_of(node, file, namespace))
    return launches, broken


def cells_of_notebook(kernel):
    """Return the sources of the cells that have run in this notebook, or of the kernel's file.

    Raises CheckFailure if `kernel` is none.
    """
    if not hasattr(kernel, "py_func"):
        raise CheckFailure(f"{kernel.__name__} is no kernel: put `@cuda.jit` above its `def`")
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None:
        return list(shell.user_ns["In"])
    return ["".join(linecache.getlines(kernel.py_func.__code__.co_filename))]


def _launch_of(node, file, namespace):
    """Return (function, *first arguments) to launch the kernel that `node` defines."""
    try:
        kernel = _kernel(node, file, namespace)
    except SyntaxError as error:
        where = f", line {error.lineno}" if error.lineno else ""
        return _raise, NotImplementedError(f"{node.name}{where}: {error.msg}")
    except NotImplementedError as error:
        return _raise, error
    except (RecursionError, MemoryError):
        return _raise, NotImplementedError(f"{node.name} is nested too deeply")
    namespace[node.name] = kernel
    if any(isinstance(part, ast.Raise) for part in ast.walk(node)):
        return _raise, NotImplementedError(HOLE)  # the machine knows no `raise`
    return launch, kernel


def _raise(error, *_, **__):
    raise error


def launch(kernel, grid, block, *args, shared=0):
    """Launch a kernel with `shared` bytes of dynamic shared memory; return its COUNTERS."""
    with gpu.checks(steps=STEPS):
        report = profile(kernel[grid, block, 0, shared], *args)
    return {name: int(getattr(report, name)) for name in COUNTERS}


def _kernel(node, file, namespace):
    """Return the kernel that `node` defines: of its `def` nothing runs but the `def` itself."""
    a = node.args
    if a.defaults or a.kwonlyargs or a.vararg or a.kwarg or getattr(node, "type_params", None):
        raise _refused(node, "a kernel takes plain arguments, without defaults")
    device, node.decorator_list, node.returns = _decorated(node), [], None
    for arg in [*a.posonlyargs, *a.args]:
        arg.annotation = None
    here: dict = {}
    exec(compile(ast.Module([node], []), file, "exec"), namespace, here)
    kernel = cuda.jit(device=device)(here[node.name])
    source = kernel.lockstep_source  # what the machine walks, however it found it
    for part in ast.walk(source.tree):
        word = str(getattr(part, "attr", getattr(part, "id", getattr(part, "name", ""))))
        if word.startswith("__") or (isinstance(part, ast.Attribute) and word.startswith("_")):
            raise source.unsupported(part, f"{word} has no place in a kernel")
    return kernel


def _decorated(node):
    """Return None if `node` is not decorated as a kernel, else whether as a device function."""
    if len(node.decorator_list) != 1:
        return None
    (mark,) = node.decorator_list
    words = mark.keywords if isinstance(mark, ast.Call) else []
    mark = mark.func if isinstance(mark, ast.Call) else mark
    owner = getattr(mark, "value", None)
    if (getattr(owner, "id", ""), getattr(mark, "attr", "")) != ("cuda", "jit"):
        return None
    return any(w.arg == "device" and getattr(w.value, "value", None) is True for w in words)


def _constants(node):
    try:
        value = ast.literal_eval(node.value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return {}
    if not isinstance(value, bool | int | float | tuple):
        return {}
    names = [target.id for target in node.targets if isinstance(target, ast.Name)]
    return {name: value for name in names if not name.startswith("__")}


def _imported(node):
    """Return {name: what a kernel may use by it}; all other imports bring nothing."""
    if isinstance(node, ast.Import):
        known = {alias: MODULES.get(alias.name) for alias in node.names}
    else:
        module = MODULES.get(node.module if node.level == 0 else "")
        known = {
            alias: getattr(module, alias.name, None)
            for alias in node.names
            if not alias.name.startswith("_")
        }
    found = {a.asname or a.name: thing for a, thing in known.items() if thing is not None}
    return {name: thing for name, thing in found.items() if not name.startswith("__")}


def _refused(node, said):
    return SyntaxError(said, (None, node.lineno, None, None))
