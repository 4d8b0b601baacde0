"""One kernel, two machines."""

from dlpar.gpu.lockstep import cuda as cuda
from dlpar.gpu.lockstep.checks import Checks as Checks
from dlpar.gpu.lockstep.checks import checks as checks
from dlpar.gpu.lockstep.types import Type
from dlpar.gpu.profile import profile as profile

(
    boolean, int8, int16, int32, int64, uint8, uint16, uint32, uint64,
    float16, float32, float64, complex64, complex128,
) = map(Type, (
    "boolean", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "float32", "float64", "complex64", "complex128",
))  # fmt: skip
