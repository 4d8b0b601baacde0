"""Kernels made from source text, for tests that write programs."""

import linecache
import math
from itertools import count

import numpy as np

from dlpar import gpu
from dlpar.gpu import cuda

NUMBER = count()


def function_from(source, **names):
    """Return the function that `source` defines; its lines can be found, as a notebook's can."""
    file = f"<kernel {next(NUMBER)}>"
    linecache.cache[file] = len(source), None, source.splitlines(True), file
    types = {name: getattr(gpu, name) for name in ("int32", "int64", "float32", "float64")}
    space = {"cuda": cuda, "math": math, "np": np, **types, **names}
    before = set(space)
    exec(compile(source, file, "exec"), space)
    (name,) = set(space) - before - {"__builtins__"}
    return space[name]


def kernel_from(source, **names):
    """Return the kernel whose body `source` defines."""
    return cuda.jit(function_from(source, **names))
