"""One kernel, two machines.

`cuda` is `numba.cuda` where there is a GPU, and the lock-step machine under the same names where
there is none; the environment variable DLPAR_GPU, "cuda" or "lockstep", chooses. The types come
from the same place. On a GPU `checks` changes nothing: hardware does not look.
"""

from typing import TYPE_CHECKING

from dlpar.gpu.choice import machine
from dlpar.gpu.lockstep.checks import Checks as Checks
from dlpar.gpu.lockstep.checks import checks as checks

if TYPE_CHECKING or machine() == "lockstep":
    from dlpar.gpu.lockstep import cuda as cuda
    from dlpar.gpu.lockstep.types import (
        boolean,
        complex64,
        complex128,
        float16,
        float32,
        float64,
        int8,
        int16,
        int32,
        int64,
        uint8,
        uint16,
        uint32,
        uint64,
        void,
    )  # fmt: skip
    from dlpar.gpu.lockstep.vectorize import vectorize as vectorize
else:
    import numba.cuda.random  # noqa: F401, makes `cuda.random`
    from numba import cuda as cuda
    from numba import vectorize as vectorize
    from numba.types import (
        boolean,
        complex64,
        complex128,
        float16,
        float32,
        float64,
        int8,
        int16,
        int32,
        int64,
        uint8,
        uint16,
        uint32,
        uint64,
        void,
    )  # fmt: skip

from dlpar.gpu.profile import profile as profile

__all__ = [
    "Checks", "boolean", "checks", "complex64", "complex128", "cuda", "float16", "float32",
    "float64", "int8", "int16", "int32", "int64", "profile", "uint8", "uint16", "uint32", "uint64",
    "vectorize", "void",
]  # fmt: skip
