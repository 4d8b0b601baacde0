"""The lock-step machine under the names of `numba.cuda`: a GPU for a laptop that has none.

Kernels are plain Numba CUDA. All threads of a launch run together, one statement at a time, as
NumPy vectors; races, stray barriers, indices out of range and reads of memory that nobody wrote
raise an error that names kernel, line, block and thread. The checks are on by default; within
`with dlpar.gpu.checks(False):` they are off.
"""

import ast
from typing import Any

import numpy as np

from dlpar.gpu.lockstep import atomics, warps
from dlpar.gpu.lockstep.arrays import DeviceArray
from dlpar.gpu.lockstep.intrinsic import Intrinsic
from dlpar.gpu.lockstep.kernel import Kernel, array_in, shape_of
from dlpar.gpu.lockstep.memory import Store, View, contiguous_strides
from dlpar.gpu.lockstep.types import dtype_of, select, truth

atomic = atomics


# Where a thread is


class _Dim3:
    """threadIdx and its like: three coordinates, in kernels only."""

    x: Any
    y: Any
    z: Any

    def __init__(self, name, read):
        for axis, letter in enumerate("xyz"):
            part = Intrinsic(
                f"cuda.{name}.{letter}", lambda m, axis=axis: read(m, axis), reads=True
            )
            setattr(self, letter, part)


threadIdx = _Dim3("threadIdx", lambda m, axis: m.coordinate("thread", axis))
blockIdx = _Dim3("blockIdx", lambda m, axis: m.coordinate("block", axis))
blockDim = _Dim3("blockDim", lambda m, axis: np.int32(m.block_dim[axis]))
gridDim = _Dim3("gridDim", lambda m, axis: np.int32(m.grid[axis]))
laneid = Intrinsic("cuda.laneid", lambda m: (m.thread % warps.WARP).astype(np.int32), reads=True)
warpsize = Intrinsic("cuda.warpsize", lambda m: np.int32(warps.WARP), reads=True)


def _per_axis(read):
    def lower(translator, node, ndim):
        if ndim not in (1, 2, 3):
            raise translator.source.unsupported(node, f"1, 2 or 3 dimensions, not {ndim}")
        if ndim == 1:
            return lambda m, env: read(m, 0)
        return lambda m, env: tuple(read(m, axis) for axis in range(ndim))

    return lower


grid = Intrinsic("cuda.grid", _per_axis(lambda m, axis: m.global_index(axis)), static=True)
gridsize = Intrinsic(
    "cuda.gridsize",
    _per_axis(lambda m, axis: np.int64(m.grid[axis] * m.block_dim[axis])),
    static=True,
)


# Memory in a kernel


def _name_of(node, translator):
    """Return the variable that an array is assigned to, for messages."""
    for statement in ast.walk(translator.source.tree):
        if isinstance(statement, ast.Assign) and statement.value is node:
            return getattr(statement.targets[0], "id", "array")
    return "array"


def _allocator(space):
    def lower(translator, node, shape=None, dtype=None, alignment=None):
        dtype, name = dtype_of(dtype), _name_of(node, translator)
        try:
            shape = shape_of(shape)
        except TypeError as error:
            raise translator.source.unsupported(node, str(error)) from None
        site = translator.source.site(node)
        key = translator, id(node)
        if space == "shared" and shape == (0,):
            return lambda m, env: _dynamic(m, dtype, name)

        def allocate(m, env):
            if key not in m.shared:
                m.shared[key] = array_in(m, site, shape, dtype, name, space)
            return m.shared[key]

        return allocate

    return Intrinsic(f"cuda.{space}.array", lower, static=True)


def _dynamic(m, dtype, name):
    """Return the View of the launch's dynamic shared memory as `dtype`."""
    nbytes = -(-m.shared_nbytes // 8) * 8  # a multiple of every element's size
    if "dynamic" not in m.shared:
        m.shared["dynamic"] = np.zeros(len(m.blocks) * nbytes // 8, np.float64)
    if dtype not in m.shared:
        data, size = m.shared["dynamic"].view(dtype), nbytes // dtype.itemsize
        fresh = m.checks.uninitialized and not m.shared_types
        store = Store(data, name, "shared", unit=size, fresh=fresh)
        for other in m.shared_types:  # what one type wrote, another may read
            m.shared[other].store.written = None
        m.shared_types.append(dtype)
        shape = (m.shared_nbytes // dtype.itemsize,)
        view = View(store, shape, contiguous_strides(shape), m.block_in_group * size)
        if m.checks.races:
            store.watch()
        m.shared[dtype] = view
    return m.shared[dtype]


class _Space:
    def __init__(self, **names):
        self.__dict__.update(names)

    def __getattr__(self, name) -> Any:
        raise AttributeError(f"cuda has no {name} here")


def _array_like(translator, node, array):
    return translator.fixed(node, np.ascontiguousarray(array))


shared = _Space(array=_allocator("shared"))
local = _Space(array=_allocator("local"))
const = _Space(array_like=Intrinsic("cuda.const.array_like", _array_like, static=True))


# Barriers and fences


def _voted(name, combine):
    def lower(m, site, predicate):
        m.barrier(site)
        yes = m.by_block(truth(np.asarray(predicate)[()])) & m.by_block(m.running())
        there = m.by_block(m.running())
        return np.repeat(combine(yes, there).astype(np.int32), m.threads)

    return Intrinsic(f"cuda.{name}", lower, meter="barrier")


syncthreads = Intrinsic("cuda.syncthreads", lambda m, site: m.barrier(site), meter="barrier")
syncthreads_count = _voted("syncthreads_count", lambda yes, there: yes.sum(axis=1))
syncthreads_and = _voted("syncthreads_and", lambda yes, there: (yes | ~there).all(axis=1))
syncthreads_or = _voted("syncthreads_or", lambda yes, there: yes.any(axis=1))


def _fence(m, site):
    m.fences.fence(m, site)


threadfence = Intrinsic("cuda.threadfence", _fence)
threadfence_system = Intrinsic("cuda.threadfence_system", _fence)
threadfence_block = Intrinsic("cuda.threadfence_block", lambda m, site: None)


nanosleep = Intrinsic("cuda.nanosleep", lambda m, site, ns: None)  # nobody waits here


class _Grid:
    """All blocks of a launch, as cooperative groups see them."""

    def lockstep_sync(self, m, site):
        """Let every thread of the grid wait for every other."""
        m.grid_barrier(site)


cg = _Space(this_grid=Intrinsic("cuda.cg.this_grid", lambda m, site: _Grid()))


# Warps

syncwarp = Intrinsic("cuda.syncwarp", warps.syncwarp)
shfl_sync = Intrinsic("cuda.shfl_sync", warps.shfl)
shfl_up_sync = Intrinsic("cuda.shfl_up_sync", warps.shfl_up)
shfl_down_sync = Intrinsic("cuda.shfl_down_sync", warps.shfl_down)
shfl_xor_sync = Intrinsic("cuda.shfl_xor_sync", warps.shfl_xor)
all_sync = Intrinsic("cuda.all_sync", warps.vote_all)
any_sync = Intrinsic("cuda.any_sync", warps.vote_any)
eq_sync = Intrinsic("cuda.eq_sync", warps.vote_eq)
ballot_sync = Intrinsic("cuda.ballot_sync", warps.ballot)
match_any_sync = Intrinsic("cuda.match_any_sync", warps.match_any)
match_all_sync = Intrinsic("cuda.match_all_sync", warps.match_all)
activemask = Intrinsic("cuda.activemask", warps.activemask)
lanemask_lt = Intrinsic("cuda.lanemask_lt", warps.lanemask_lt)


# Bits and arithmetic


def _bits_of(x):
    """Return `x` as the unsigned integer of its own width, at least 32 bits."""
    if x.dtype.itemsize < 4:
        x = x.astype(np.int32)
    return x.astype(np.dtype(f"u{x.dtype.itemsize}"))


def _popc(m, site, x):
    return np.bitwise_count(_bits_of(x)).astype(np.int32)


def _brev(m, site, x):
    bits = _bits_of(x)
    width = bits.dtype.itemsize * 8
    result = bits * 0
    for i in range(width):
        one = (bits >> bits.dtype.type(i)) & bits.dtype.type(1)
        result = result | (one << bits.dtype.type(width - 1 - i))
    return result


def _clz(m, site, x):
    bits = _bits_of(x)
    left, width = bits, bits.dtype.itemsize * 8
    for shift in (1, 2, 4, 8, 16, 32):
        if shift < width:
            left = left | (left >> bits.dtype.type(shift))
    return (width - np.bitwise_count(left)).astype(np.int32)


def _ffs(m, site, x):
    bits = _bits_of(x)
    lowest = bits & (~bits + bits.dtype.type(1))
    return np.where(bits == 0, 0, np.bitwise_count(lowest - bits.dtype.type(1)) + 1).astype(
        np.int32
    )


def _selp(m, site, condition, a, b):
    return select(truth(condition), a, b)


def _fma(m, site, a, b, c):
    kind = np.promote_types(np.promote_types(a.dtype, b.dtype), c.dtype)
    exact = np.float64 if kind == np.float32 else np.longdouble  # a*b is exact there
    return (a.astype(exact) * b.astype(exact) + c.astype(exact)).astype(kind)


def _cbrt(m, site, x):
    return np.cbrt(x if x.dtype.kind == "f" else x.astype(np.float64))


popc, brev = Intrinsic("cuda.popc", _popc), Intrinsic("cuda.brev", _brev)
clz, ffs = Intrinsic("cuda.clz", _clz), Intrinsic("cuda.ffs", _ffs)
selp, cbrt = Intrinsic("cuda.selp", _selp), Intrinsic("cuda.cbrt", _cbrt, meter="flops")
fma = Intrinsic("cuda.fma", _fma, meter="fma")


# On the host

DISPATCH_OPTIONS = {
    "device", "debug", "opt", "fastmath", "inline", "lineinfo", "max_registers", "link", "cache",
    "launch_bounds", "extensions", "lto", "forceinline",
}  # fmt: skip


def jit(func_or_signature=None, **options):
    """Make a kernel, or with `device=True` a function for kernels; as numba.cuda.jit.

    Signatures and options for the compiler are accepted and mean nothing here.
    Raises TypeError for an option that Numba does not have.
    """
    if unknown := set(options) - DISPATCH_OPTIONS:
        raise TypeError(f"cuda.jit has no option {min(unknown)}")
    device = bool(options.get("device"))
    if callable(func_or_signature) and hasattr(func_or_signature, "__code__"):
        return Kernel(func_or_signature, device)
    return lambda function: Kernel(function, device)


def to_device(obj, stream=0, copy=True, to=None):
    """Return a copy of an array on the device."""
    if to is not None:
        to.copy_to_device(obj)
        return to
    if isinstance(obj, DeviceArray):
        return obj
    return DeviceArray(np.array(obj, copy=True, order="K"))


def device_array(shape, dtype=np.float64, strides=None, order="C", stream=0):
    """Return an array on the device whose elements are not set yet."""
    return DeviceArray(np.zeros(shape, dtype_of(dtype), order=order))


def device_array_like(ary, stream=0):
    """Return an array on the device with the shape, type and order of `ary`."""
    memory = ary.lockstep_memory if isinstance(ary, DeviceArray) else np.asarray(ary)
    return DeviceArray(np.zeros_like(memory))


def is_cuda_array(obj):
    """Whether `obj` is an array on the device."""
    return isinstance(obj, DeviceArray)


def as_cuda_array(obj, sync=True):
    """Return `obj`, an array on the device."""
    if not isinstance(obj, DeviceArray):
        raise TypeError(f"an array on the device is needed, got {type(obj).__name__}")
    return obj


def is_available():
    """Return True: the lock-step machine is everywhere."""
    return True


def synchronize():
    """Return at once: every launch here has ended when its call returns."""
