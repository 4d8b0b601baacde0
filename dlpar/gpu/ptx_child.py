"""Runs in an interpreter that has numba-cuda, as a script: kernels in, PTX and ptxas's words out.

It knows nothing of dlpar: what compiles here is plain Numba CUDA. Standard input holds JSON,
{"kernels": [[part, ...], ...], "cc": [major, minor]}, as `dlpar.gpu.ptx` describes kernels;
standard output gets one {"ptx", "ptxas"} or {"error"} for each.
"""

import ast
import importlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace


def main():
    """Compile what standard input holds."""
    from numba import cuda
    from numba.cuda import dispatcher

    job = json.load(sys.stdin)
    # Numba compiles device functions for the card that is there. It is told that one is.
    card = SimpleNamespace(compute_capability=tuple(job["cc"]))
    dispatcher.get_current_device = lambda: card
    answers = []
    for parts in job["kernels"]:
        try:
            function, types = build(parts, cuda)
            text, _ = cuda.compile_ptx(function, types, cc=tuple(job["cc"]))
        except Exception as error:
            answers.append({"error": f"{type(error).__name__}: {error}"})
        else:
            answers.append({"ptx": text, "ptxas": assemble(text, job["cc"])})
    json.dump(answers, sys.stdout)


def build(parts, cuda):
    """Return the function and the argument types of a kernel; its parts end with itself."""
    built: list = []
    for part in parts:
        names = {name: value(what, cuda, built) for name, what in part["names"].items()}
        exec(part["source"], names)
        function = names[part["name"]]
        built.append(cuda.jit(device=True)(function) if part["device"] else function)
    return built[-1], tuple(map(type_of, parts[-1]["types"]))


def value(what, cuda, built):
    """Return the global that `what`, (kind, ...), describes."""
    kind, *rest = what
    if kind == "part":
        return built[rest[0]]
    if kind == "cuda":
        return attribute(cuda, rest[0])
    if kind == "type":
        return type_of(rest)
    if kind == "module":
        return importlib.import_module(rest[0])
    if kind == "from":
        return attribute(importlib.import_module(rest[0]), rest[1])
    if kind == "array":
        import numpy as np

        dtype, shape, elements = rest
        return np.array(ast.literal_eval(elements), dtype).reshape(shape)
    if kind == "number":
        import numpy as np

        return np.dtype(rest[0]).type(rest[1])
    return ast.literal_eval(rest[0])


def attribute(owner, path):
    """Return owner.a.b for path "a.b", or `owner` for no path."""
    for name in path.split(".") if path else ():
        owner = getattr(owner, name)
    return owner


def type_of(what):
    """Return the Numba type that `what` describes."""
    from numba import types

    kind, *rest = what
    if kind == "array":
        dtype, ndim, layout = rest
        return types.Array(getattr(types, dtype), ndim, layout)
    if kind == "tuple":
        return types.Tuple([type_of(item) for item in rest[0]])
    return getattr(types, kind)


def assemble(text, cc):
    """Return what `ptxas -v` says about PTX `text`, or None where the wheel with it is missing."""
    import nvidia

    found = [path for base in nvidia.__path__ for path in Path(base).glob("*/bin/ptxas*")]
    if not found:
        return None
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "kernel.ptx")
        source.write_text(text)
        arch, cubin = f"-arch=sm_{cc[0]}{cc[1]}", Path(folder, "kernel.cubin")
        argv = [str(part) for part in (found[0], "-v", arch, source, "-o", cubin)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


if __name__ == "__main__":
    main()
