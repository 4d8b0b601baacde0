"""Which machine runs the kernels: a GPU through numba.cuda, or the lock-step machine."""

import ctypes
import functools
import importlib.util
import os
import sys

LIBRARIES = ("libcuda.so.1", "libcuda.so", "nvcuda.dll")
FIX = f"{sys.executable} -m pip install 'dlpar[gpu]'"


@functools.cache
def gpus():
    """Return how many GPUs the driver of this machine offers; 0 without a driver."""
    for name in LIBRARIES:
        try:
            driver = ctypes.CDLL(name)
        except OSError:
            continue
        count = ctypes.c_int(0)
        if driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0:
            return count.value
    return 0


def compiler():
    """Whether numba-cuda is installed, which compiles kernels for a GPU."""
    return importlib.util.find_spec("numba_cuda") is not None


def machine():
    """Return "cuda" where a GPU and its compiler are there, else "lockstep".

    The environment variable DLPAR_GPU, "cuda" or "lockstep", decides if it is set.
    Raises ValueError for another word, RuntimeError for "cuda" without a GPU or compiler.
    """
    asked = os.environ.get("DLPAR_GPU", "")
    if asked not in ("", "cuda", "lockstep"):
        raise ValueError(f"DLPAR_GPU={asked}: it may be cuda or lockstep")
    if asked == "lockstep":
        return asked
    if asked == "cuda" and not gpus():
        raise RuntimeError(
            "DLPAR_GPU=cuda, but the driver of this machine offers no GPU: "
            "unset DLPAR_GPU, and kernels run on the lock-step machine"
        )
    if asked == "cuda" and not compiler():
        raise RuntimeError(f"DLPAR_GPU=cuda, but numba-cuda is not installed: {FIX}")
    return "cuda" if gpus() and compiler() else "lockstep"
