"""The lock-step machine under the names of `numba.cuda`: a GPU for a laptop that has none.

Kernels are plain Numba CUDA. All threads of a launch run together, one statement at a time, as
NumPy vectors; races, stray barriers, indices out of range and reads of memory that nobody wrote
raise an error that names kernel, line, block and thread. The checks are on by default; within
`with dlpar.gpu.checks(False):` they are off.
"""

from dlpar.gpu.lockstep import random as random
from dlpar.gpu.lockstep.allocate import const, local, shared
from dlpar.gpu.lockstep.arrays import (
    In,
    InOut,
    Out,
    as_cuda_array,
    device_array,
    device_array_like,
    is_cuda_array,
    managed_array,
    mapped,
    mapped_array,
    mapped_array_like,
    pinned,
    pinned_array,
    pinned_array_like,
    to_device,
)  # fmt: skip
from dlpar.gpu.lockstep.atomics import atomic
from dlpar.gpu.lockstep.barriers import (
    cg,
    nanosleep,
    syncthreads,
    syncthreads_and,
    syncthreads_count,
    syncthreads_or,
    threadfence,
    threadfence_block,
    threadfence_system,
)  # fmt: skip
from dlpar.gpu.lockstep.bits import brev, cbrt, clz, ffs, fma, popc, selp
from dlpar.gpu.lockstep.devices import (
    close,
    current_context,
    defer_cleanup,
    detect,
    get_current_device,
    gpus,
    is_available,
    is_float16_supported,
    list_devices,
    profiling,
    require_context,
    select_device,
)  # fmt: skip
from dlpar.gpu.lockstep.fp16 import fp16
from dlpar.gpu.lockstep.indices import (
    blockDim,
    blockIdx,
    grid,
    gridDim,
    gridsize,
    laneid,
    threadIdx,
    warpsize,
)  # fmt: skip
from dlpar.gpu.lockstep.kernel import jit
from dlpar.gpu.lockstep.reduction import Reduce, reduce
from dlpar.gpu.lockstep.streams import (
    default_stream,
    event,
    event_elapsed_time,
    legacy_default_stream,
    per_thread_default_stream,
    stream,
    synchronize,
)  # fmt: skip
from dlpar.gpu.lockstep.warps import (
    activemask,
    all_sync,
    any_sync,
    ballot_sync,
    eq_sync,
    lanemask_lt,
    match_all_sync,
    match_any_sync,
    shfl_down_sync,
    shfl_sync,
    shfl_up_sync,
    shfl_xor_sync,
    syncwarp,
)  # fmt: skip

__all__ = [
    "In", "InOut", "Out", "Reduce", "activemask", "all_sync", "any_sync", "as_cuda_array",
    "atomic", "ballot_sync", "blockDim", "blockIdx", "brev", "cbrt", "cg", "close", "clz", "const",
    "current_context", "default_stream", "defer_cleanup", "detect", "device_array",
    "device_array_like", "eq_sync", "event", "event_elapsed_time", "ffs", "fma", "fp16",
    "get_current_device", "gpus", "grid", "gridDim", "gridsize", "is_available", "is_cuda_array",
    "is_float16_supported", "jit", "laneid", "lanemask_lt", "legacy_default_stream",
    "list_devices", "local", "managed_array", "mapped", "mapped_array", "mapped_array_like",
    "match_all_sync", "match_any_sync", "nanosleep", "per_thread_default_stream", "pinned",
    "pinned_array", "pinned_array_like", "popc", "profiling", "random", "reduce",
    "require_context", "select_device", "selp", "shared", "shfl_down_sync", "shfl_sync",
    "shfl_up_sync", "shfl_xor_sync", "stream", "synchronize", "syncthreads", "syncthreads_and",
    "syncthreads_count", "syncthreads_or", "syncwarp", "threadIdx", "threadfence",
    "threadfence_block", "threadfence_system", "to_device", "warpsize",
]  # fmt: skip
