"""A kernel made for a GPU: its launch on the lock-step machine, and its time on the card."""

import types
from typing import Any

import numpy as np

from dlpar.gpu.lockstep import cuda as lockstep
from dlpar.gpu.lockstep.kernel import Kernel, Launch
from dlpar.rulers import wall_of

REPEATS, WARMUP = 15, 2


def as_lockstep(launch):
    """Return numba.cuda's `kernel[grid, block]` as a Launch of the lock-step machine.

    Raises TypeError if it is no such thing.
    """
    parts: list[Any] = [
        getattr(launch, name, None) for name in ("dispatcher", "griddim", "blockdim")
    ]
    if None in parts:
        raise TypeError(f"profile needs kernel[grid, block], got {type(launch).__name__}")
    dispatcher, grid, block = parts
    kernel = Kernel(rebound(dispatcher.py_func, {}))
    return Launch(kernel, tuple(grid), tuple(block), int(launch.sharedmem))


def rebound(function, done):
    """Return a copy of `function` for which numba.cuda is the lock-step machine.

    done : {function: its copy}, of those that are already made.
    """
    if function in done:
        return done[function]
    names = set(function.__code__.co_names)
    known = {k: _rebound(v, done) for k, v in function.__globals__.items() if k in names}
    cells = tuple(
        types.CellType(_rebound(c.cell_contents, done)) for c in function.__closure__ or ()
    )
    known["__builtins__"] = function.__globals__["__builtins__"]
    copy = types.FunctionType(function.__code__, known, function.__name__, None, cells or None)
    copy.__module__, copy.__doc__ = function.__module__, function.__doc__
    done[function] = copy
    return copy


def _rebound(what, done):
    if isinstance(what, types.ModuleType) and what.__name__ in (
        "numba.cuda",
        "numba_cuda.numba.cuda",
    ):
        return lockstep
    if hasattr(what, "py_func") and hasattr(what, "targetoptions"):  # another function of the card
        return Kernel(rebound(what.py_func, done), bool(what.targetoptions.get("device")))
    return what


def on_host(arg):
    """Return a copy of an argument on the host."""
    if isinstance(arg, tuple):
        return tuple(map(on_host, arg))
    if hasattr(arg, "copy_to_host"):
        return arg.copy_to_host()
    return arg.copy() if isinstance(arg, np.ndarray) else arg


def card_time(launch, args, cuda):
    """Return the Wall of a launch's time on the card, by CUDA events, s; `args` stay as they are.

    It runs on copies that are on the card already: two launches to warm up, fifteen measured.
    """
    copies = [_on_card(arg, cuda) for arg in args]
    for _ in range(WARMUP):
        launch(*copies)
    times = []
    for _ in range(REPEATS):
        start, end = cuda.event(), cuda.event()
        start.record()
        launch(*copies)
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end) * 1e-3)
    return wall_of(times)


def _on_card(arg, cuda):
    if isinstance(arg, tuple):
        return tuple(_on_card(item, cuda) for item in arg)
    if hasattr(arg, "copy_to_host"):
        copy = cuda.device_array_like(arg)
        copy.copy_to_device(arg)
        return copy
    return cuda.to_device(arg) if isinstance(arg, np.ndarray) else arg
