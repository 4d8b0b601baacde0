"""Compile a kernel for a real card, without one: PTX, registers, shared memory, spills.

Numba's own compiler does the work, in an interpreter of its own that has numba-cuda: the one that
the environment variable DLPAR_PTX_PYTHON names, or this one.
"""

import ast
import builtins
import copy
import importlib.util
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np

from dlpar.gpu.cards import occupancy
from dlpar.gpu.lockstep import cuda as lockstep
from dlpar.gpu.lockstep.arrays import DeviceArray
from dlpar.gpu.lockstep.intrinsic import Intrinsic
from dlpar.gpu.lockstep.kernel import Kernel
from dlpar.gpu.lockstep.source import MISSING
from dlpar.gpu.lockstep.types import Type
from dlpar.rulers import rulers

PYTHON = "DLPAR_PTX_PYTHON"
FIX = (
    "python -m venv ptx && ptx/bin/pip install 'numba-cuda[cu13]' nvidia-cuda-nvcc 'numpy<2.5' && "
    f"export {PYTHON}=$PWD/ptx/bin/python"
)
LIMIT = 300  # s for one call of the compiler


class NoCompiler(RuntimeError):
    """No interpreter with numba-cuda was found; the message says how to get one."""


class CompileError(RuntimeError):
    """Numba's compiler refused a kernel."""


@dataclass(frozen=True)
class Compiled:
    """A kernel as a card of one compute capability runs it. Counts are None if ptxas has none."""

    name: str
    cc: tuple[int, int]
    ptx: str
    registers: int | None  # of a thread
    shared_nbytes: int | None  # static, of a block
    spill_stores: int | None  # bytes that did not fit in registers and go through local memory
    spill_loads: int | None
    ptxas: str | None  # all that `ptxas -v` said

    def occupancy(self, card, threads, dynamic_shared_nbytes=0):
        """Return the Occupancy of blocks of `threads` threads on `card`.

        Raises ValueError where ptxas could not count.
        """
        if self.registers is None or self.shared_nbytes is None:
            raise ValueError(f"ptxas counted no registers of {self.name}: {self.ptxas}")
        shared = self.shared_nbytes + dynamic_shared_nbytes
        return occupancy(card, threads, self.registers, shared)

    def __repr__(self):
        """Return the counts as a table."""
        return repr(self._table())

    def _repr_html_(self):
        return self._table()._repr_html_()

    def _table(self):
        counts = {
            "registers a thread": self.registers,
            "shared memory a block, static": self.shared_nbytes,
            "spilled, bytes stored": self.spill_stores,
            "spilled, bytes loaded": self.spill_loads,
        }
        shown = {name: count for name, count in counts.items() if count is not None}
        card = {"compute capability": "{}.{}".format(*self.cc)}
        return rulers(counted=card | {"lines of PTX": self.ptx.count("\n")} | shown)


def compile_ptx(kernel, *args, cc=(9, 0)):
    """Return `kernel`, Compiled for `args` and a card of compute capability `cc`.

    args : what it would be launched with; only their types matter.
    Raises NoCompiler if there is no numba-cuda, CompileError if it refuses the kernel.
    """
    return compile_all([(kernel, args)], cc)[0]


def compile_all(calls, cc):
    """Return one Compiled for each of `calls`, (kernel, args), in one run of the compiler."""
    described = [_described(kernel, args) for kernel, args in calls]
    answers = _ask({"kernels": described, "cc": list(cc)})
    found = []
    for (kernel, _), answer in zip(calls, answers, strict=True):
        if "error" in answer:
            raise CompileError(f"{kernel.__name__} for {cc[0]}.{cc[1]}: {answer['error']}")
        said = answer["ptxas"] or ""
        found.append(
            Compiled(
                name=kernel.__name__,
                cc=tuple(cc),
                ptx=answer["ptx"],
                registers=_number(r"Used (\d+) registers", said),
                shared_nbytes=_number(r"(\d+) bytes smem", said, 0 if "Used" in said else None),
                spill_stores=_number(r"(\d+) bytes spill stores", said),
                spill_loads=_number(r"(\d+) bytes spill loads", said),
                ptxas=answer["ptxas"],
            )
        )
    return found


def interpreter():
    """Return the interpreter that has numba-cuda; raise NoCompiler if there is none."""
    named = os.environ.get(PYTHON)
    if named:
        return named
    if importlib.util.find_spec("numba_cuda") is None:
        raise NoCompiler(f"numba-cuda is missing. In a shell:\n    {FIX}")
    return sys.executable


def _ask(job):
    child = Path(__file__).with_name("ptx_child.py")
    try:
        done = subprocess.run(
            [interpreter(), "-W", "ignore", child],
            input=json.dumps(job),
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
            env={k: v for k, v in os.environ.items() if not k.startswith("PYTHON")},
        )
    except OSError as error:
        raise NoCompiler(f"{PYTHON}: {error}. In a shell:\n    {FIX}") from None
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:]
        raise NoCompiler(f"the compiler did not start: {''.join(last)}. In a shell:\n    {FIX}")
    return json.loads(done.stdout)


def _number(pattern, words, otherwise=None):
    found = re.search(pattern, words)
    return int(found[1]) if found else otherwise


# A kernel as text: its source and the globals it uses, with those of the functions that it calls.


def _described(kernel, args):
    """Return the parts of `kernel`, what it calls first, itself with its argument types last."""
    parts: list[dict] = []
    known: dict[Kernel, int] = {}
    _add_part(kernel, parts, known)
    parts[-1]["types"] = [type_of(arg) for arg in args]
    return parts


def _add_part(kernel, parts, known):
    """Add `kernel` to `parts` unless it is there; return its number."""
    if kernel in known:
        return known[kernel]
    source = kernel.lockstep_source
    names = {}
    mine = set(source.locals())
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Name) and node.id not in mine:
            what = source.outer(node.id)
            if what is not MISSING and what is not getattr(builtins, node.id, MISSING):
                names[node.id] = _global(what, parts, known)
    parts.append(
        {
            "name": source.name,
            "source": _bare(source.tree),
            "names": names,
            "device": kernel.device,
        }
    )
    known[kernel] = len(parts) - 1
    return known[kernel]


def _global(what, parts, known):
    """Return (kind, ...) for a global variable of a kernel, as ptx_child reads it."""
    if isinstance(what, Kernel):
        return "part", _add_part(what, parts, known)
    if what is lockstep:
        return "cuda", ""
    if isinstance(what, Intrinsic):
        return "cuda", what.name.removeprefix("cuda.")
    if isinstance(what, Type):
        return "type", what.name
    if isinstance(what, ModuleType):
        return "module", what.__name__
    if isinstance(what, np.ndarray):
        return "array", what.dtype.name, list(what.shape), repr(what.ravel().tolist())
    if isinstance(what, np.number):
        return "number", what.dtype.name, str(what)  # a float would make single precision double
    if isinstance(what, np.generic):
        what = what.item()
    if isinstance(what, bool | int | float | complex | str | tuple):
        return "value", repr(what)
    return "from", what.__module__, what.__qualname__


def _bare(tree):
    """Return the text of a function without decorators and annotations."""
    tree = copy.deepcopy(tree)
    tree.decorator_list, tree.returns = [], None
    for arg in tree.args.args:
        arg.annotation = None
    return ast.unparse(tree)


def type_of(arg):
    """Return (kind, ...) for the Numba type of a kernel's argument.

    Raises TypeError for what no kernel takes.
    """
    if isinstance(arg, DeviceArray):
        arg = arg.lockstep_memory
    if isinstance(arg, np.ndarray):
        flags = arg.flags
        layout = "C" if flags.c_contiguous else "F" if flags.f_contiguous else "A"
        return "array", _name(arg.dtype), arg.ndim, layout
    if isinstance(arg, tuple):
        return "tuple", [type_of(item) for item in arg]
    if isinstance(arg, bool | int | float | complex | np.generic):
        return (_name(np.asarray(arg).dtype),)
    raise TypeError(f"no kernel takes a {type(arg).__name__}")


def _name(dtype):
    return "boolean" if dtype.kind == "b" else dtype.name
