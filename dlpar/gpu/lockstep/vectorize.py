"""`vectorize(target="cuda")`: a function of numbers becomes one of arrays, a thread an element."""

import re

import numpy as np

from dlpar.gpu.lockstep.arrays import DeviceArray
from dlpar.gpu.lockstep.checks import current
from dlpar.gpu.lockstep.kernel import GROUP, Kernel, Program
from dlpar.gpu.lockstep.machine import Machine
from dlpar.gpu.lockstep.types import Signature, dtype_of


def vectorize(ftylist_or_function=(), target="cpu", **_):
    """Return a decorator that makes a ufunc: arguments are broadcast, each thread has an element.

    ftylist_or_function : one or more signatures, `float32(float32, float32)` or as text.
    Raises ValueError without a signature or for another target than "cuda": use numba.vectorize.
    """
    if target != "cuda":
        raise ValueError(f'target={target!r}: this is for target="cuda"; else use numba.vectorize')
    given = ftylist_or_function
    signatures = [_signature(s) for s in (given if isinstance(given, list | tuple) else [given])]
    if not signatures or callable(given):
        raise ValueError('vectorize for target="cuda" needs at least one signature')
    return lambda function: Vectorized(function, signatures)


def _signature(given):
    """Return (dtypes of the arguments, dtype of the result)."""
    if isinstance(given, Signature):
        return [dtype_of(a) for a in given.arguments], dtype_of(given.result)
    if hasattr(given, "return_type"):  # of Numba
        return [dtype_of(a) for a in given.args], dtype_of(given.return_type)
    found = re.fullmatch(r"\s*(\w+)\s*\(([\w\s,]*)\)\s*", given if isinstance(given, str) else "")
    if not found:
        raise TypeError(f"no signature: {given!r}")
    result, arguments = found.groups()
    return [dtype_of(a.strip()) for a in arguments.split(",")], dtype_of(result)


class Vectorized:
    """A function that takes arrays and numbers, and works element by element."""

    def __init__(self, function, signatures):
        self.kernel = Kernel(function, device=True)
        self.signatures = signatures
        self.__name__, self.__doc__ = function.__name__, function.__doc__

    def __call__(self, *args, out=None, stream=0):
        """Return the function of each element, on the device if an argument is there.

        out : where to put it: an array of the broadcast shape.
        Raises TypeError if no signature takes these types without loss.
        """
        arrays = [a.lockstep_memory if isinstance(a, DeviceArray) else np.asarray(a) for a in args]
        types, result = self._match(args, arrays)
        full = np.broadcast_arrays(*arrays)
        lanes = [a.astype(t).ravel() for a, t in zip(full, types, strict=True)]
        flat = np.empty(full[0].size, result)
        program = Program(self.kernel, current.get(), metered=False)
        with np.errstate(all="ignore"):
            for first in range(0, flat.size, GROUP):
                part = range(first, min(first + GROUP, flat.size))
                m = Machine((flat.size, 1, 1), (1, 1, 1), part, program.checks)
                flat[part.start : part.stop] = program.main(
                    m, [x[part.start : part.stop] for x in lanes]
                )
        made = flat.reshape(full[0].shape)
        if out is not None:
            (out.lockstep_memory if isinstance(out, DeviceArray) else out)[...] = made
            return out
        return DeviceArray(made) if any(isinstance(a, DeviceArray) for a in args) else made[()]

    def _match(self, args, arrays):
        """Return the first signature that takes these arguments; Python numbers fit any kind."""
        for types, result in self.signatures:
            if len(types) == len(arrays) and all(
                np.can_cast(a.dtype, t, "same_kind" if isinstance(arg, int | float) else "safe")
                for arg, a, t in zip(args, arrays, types, strict=True)
            ):
                return types, result
        kinds = ", ".join(str(a.dtype) for a in arrays)
        raise TypeError(f"{self.__name__} has no signature for ({kinds})")
