"""Launching: a decorated function, its configuration, and the groups of blocks that run."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dlpar.gpu.lockstep.arrays import DeviceArray
from dlpar.gpu.lockstep.checks import current
from dlpar.gpu.lockstep.fences import Fences
from dlpar.gpu.lockstep.function import Function
from dlpar.gpu.lockstep.machine import Machine, id_step
from dlpar.gpu.lockstep.memory import Store, View, contiguous_strides, view_of
from dlpar.gpu.lockstep.shadow import Shadow
from dlpar.gpu.lockstep.source import Source
from dlpar.gpu.lockstep.types import constant

GROUP = 16_384  # lanes that run together: their vectors stay in a core's cache
MAX_THREADS = 1024  # of a block, on every card
MAX_BLOCK, MAX_GRID = (1024, 1024, 64), (2**31 - 1, 65_535, 65_535)
MAX_SHARED = 48 * 1024  # bytes of a block without opting in to more
MAX_HELD = 2**28  # bytes of one shared or local array, in all lanes that run together


class Kernel:
    """A function for the device. `kernel[grid, block](*args)` launches it."""

    def __init__(self, function, device=False):
        self.function, self.device = function, device
        self.__name__, self.__doc__ = function.__name__, function.__doc__
        self.__wrapped__, self.__module__ = function, function.__module__
        self._source = None
        self._translated = {}

    @property
    def py_func(self):
        """The undecorated function."""
        return self.function

    @property
    def lockstep_source(self):
        """The syntax tree, read once."""
        if self._source is None:
            self._source = Source(self.function)
        return self._source

    def __getitem__(self, configuration):
        """Return the kernel with a configuration: [grid, block, stream, bytes of shared memory]."""
        if self.device:
            raise TypeError(f"{self.__name__} is a device function: only kernels are launched")
        if not isinstance(configuration, tuple) or not 2 <= len(configuration) <= 4:
            raise ValueError(f"{self.__name__} needs [grid, block], got {configuration!r}")
        grid, block, *rest = configuration
        grid = dimensions(grid, "grid", MAX_GRID)
        block = dimensions(block, "block", MAX_BLOCK)
        if math.prod(block) > MAX_THREADS:
            raise ValueError(f"block {block} has {math.prod(block)} threads; {MAX_THREADS} at most")
        shared = rest[1] if len(rest) == 2 else 0
        if not isinstance(shared, int | np.integer):
            raise TypeError(f"a whole number of bytes of shared memory, not {shared!r}")
        if not 0 <= shared <= 227 * 1024:
            raise ValueError(f"{shared} bytes of dynamic shared memory: 0 to 232448 are possible")
        return Launch(self, grid, block, int(shared))

    def forall(self, ntasks, tpb=0, stream=0, sharedmem=0):
        """Return the kernel with a grid of at least `ntasks` threads in one dimension."""
        tpb = tpb or 128
        return self[max(1, -(-ntasks // tpb)), tpb, stream, sharedmem]

    def __call__(self, *_, **__):
        """Refuse: a kernel needs a grid, and a device function a kernel."""
        if self.device:
            raise TypeError(f"{self.__name__} is a device function: call it in a kernel")
        raise ValueError(
            f"{self.__name__} needs a grid and a block: {self.__name__}[grid, block](...)"
        )

    def translated(self, checks, metered):
        """Return the kernel's Function for these checks; globals are frozen here, as by Numba."""
        key = checks.nan, checks.division, metered
        if key not in self._translated:
            self._translated[key] = Program(self, checks, metered)
        return self._translated[key]


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


class Program:
    """A kernel with its device functions, translated."""

    def __init__(self, kernel, checks, metered):
        self.checks, self.metered = checks, metered
        self.functions, self.open = {}, []
        self.main = self.compile(kernel)
        # Of a kernel that syncs the grid, all blocks run together.
        self.cooperative = any(f.cooperative for f in self.functions.values())
        self.fenced = any(f.fenced for f in self.functions.values())
        self.by_lane = any(f.by_lane for f in self.functions.values())

    def compile(self, function, caller=None, node=None):
        """Return `function` translated; raise NotImplementedError if it calls itself."""
        if function in self.open:
            raise caller.source.unsupported(
                node, f"{function.__name__} calls itself: a thread has no stack to recurse on here"
            )
        if caller is not None and not function.device:
            raise TypeError(
                f"{caller.source.name} calls the kernel {function.__name__}: "
                "only device functions can be called, @cuda.jit(device=True)"
            )
        if function not in self.functions:
            self.open.append(function)
            source = function.lockstep_source
            made = Function(source, self.compile, self.checks, self.metered)
            self.functions[function] = made
            self.open.pop()
        return self.functions[function]

    def forget(self):
        """Drop what the last launch left in the places where arrays are indexed."""
        for function in self.functions.values():
            for access in function.accesses:
                access.forget()


@dataclass
class Launch:
    """A kernel with its configuration; call it with the kernel's arguments."""

    kernel: Kernel
    grid: tuple
    block: tuple
    shared_nbytes: int = 0
    meter: Any = field(default=None, repr=False)

    def __call__(self, *args):
        """Run the kernel on `args`: arrays, which it may change, numbers, and tuples of them."""
        source, checks = self.kernel.lockstep_source, current.get()
        if len(args) != len(source.parameters):
            need = ", ".join(source.parameters)
            raise TypeError(f"{source.name} takes ({need}), got {len(args)} arguments")
        program = self.kernel.translated(checks, self.meter is not None)
        values = bind(source, args, checks.races)
        blocks = math.prod(self.grid)
        threads = math.prod(self.block)
        group = blocks if program.cooperative else max(1, GROUP // threads)
        fences = Fences((blocks + 1) * id_step(threads)) if program.fenced else None
        sites = [None]
        try:
            with np.errstate(all="ignore"):
                for first in range(0, blocks, group):
                    part = range(first, min(first + group, blocks))
                    m = Machine(
                        self.grid, self.block, part, checks, self.meter, self.shared_nbytes,
                        by_lane=program.by_lane,
                    )  # fmt: skip
                    m.sites, m.fences = sites, fences
                    if self.meter is not None:
                        self.meter.begin(m)
                    program.main(m, values, kernel=True)
        finally:
            program.forget()


def bind(source, args, races):
    """Return what the kernel's parameters hold: Views of arrays, NumPy scalars, tuples."""
    values, arrays = [], []
    for name, arg in zip(source.parameters, args, strict=True):
        value = argument(name, arg)
        values.append(value)
        for view, memory in views_in(value, arg):
            deep = view.ndim if view is value else math.inf
            changes = source.changes(name, deep)
            if changes and not memory.flags.writeable:
                raise ValueError(f"{name} is read-only, but {source.name} writes to it")
            arrays.append((changes, view, memory))
    if races:
        targets = [memory for changes, _, memory in arrays if changes]
        watch(
            [
                (view, memory)
                for _, view, memory in arrays
                if any(np.may_share_memory(memory, target) for target in targets)
            ]
        )
    return values


def views_in(value, arg):
    """Yield (view, memory) for each array in an argument."""
    if isinstance(value, View):
        yield value, memory_of(arg)
    elif isinstance(value, tuple):
        for inner, given in zip(value, arg, strict=True):
            yield from views_in(inner, given)


def watch(arrays):
    """Look for races in these (view, memory); two that overlap share what is noted.

    A race does not care by which name it came.
    """
    end, together = 0, []
    for view, memory in sorted(arrays, key=lambda array: _address(array[1])):
        store, start = view.store, _address(memory)
        first = together[0] if together else None
        if first and start < end and _aligned(first[1], memory):
            store.origin = (start - _address(first[1])) // memory.itemsize
        else:
            together = []
        together.append((view, memory))
        end = max(end if len(together) > 1 else 0, start + store.data.nbytes)
        shadow = Shadow((end - _address(together[0][1])) // memory.itemsize, private=False)
        for view, _ in together:
            view.store.shadow = shadow


def _address(memory):
    return memory.__array_interface__["data"][0]


def _aligned(a, b):
    return a.itemsize == b.itemsize and (_address(b) - _address(a)) % a.itemsize == 0


def memory_of(arg):
    """Return the NumPy array behind an argument."""
    return arg.lockstep_memory if isinstance(arg, DeviceArray) else np.asarray(arg)


def argument(name, arg):
    """Return one argument as a kernel sees it; raise TypeError if it cannot see such a thing."""
    if isinstance(arg, DeviceArray):
        return view_of(arg.lockstep_memory, name)
    if isinstance(arg, np.ndarray):
        if arg.dtype.kind not in "biufc" and arg.dtype.names is None:
            raise TypeError(f"{name} has dtype {arg.dtype}: arrays of numbers can be passed")
        if not arg.dtype.isnative or (arg.dtype.kind == "f" and arg.dtype.itemsize > 8):
            raise TypeError(f"{name} has dtype {arg.dtype}: no GPU has such numbers")
        return view_of(arg, name)
    if isinstance(arg, bool | int | float | complex | np.number | np.bool_):
        try:
            return constant(arg)
        except OverflowError:
            raise ValueError(f"{name} is {arg}: no integer of 64 bits") from None
    if isinstance(arg, tuple):
        return tuple(argument(f"{name}[{i}]", item) for i, item in enumerate(arg))
    raise TypeError(f"{name} is {type(arg).__name__}: a kernel takes arrays, numbers and tuples")


def dimensions(given, name, limits):
    """Return `given`, an int or up to three, as (x, y, z); raise if it is no such thing."""
    given = given if isinstance(given, tuple | list) else (given,)
    if not 1 <= len(given) <= 3:
        raise ValueError(f"{name} has one to three dimensions, got {given!r}")
    for n, most in zip(given, limits, strict=False):
        if isinstance(n, bool) or not isinstance(n, int | np.integer):
            raise TypeError(f"{name} has whole numbers for dimensions, got {n!r}")
        if not 1 <= n <= most:
            raise ValueError(f"{name} dimensions go from 1 to {most}, got {n}")
    return (*(int(n) for n in given), *[1] * (3 - len(given)))


def array_in(m, site, shape, dtype, name, space):
    """Return the View of a shared or local array that is allocated at `site`: once a launch."""
    size = math.prod(shape)
    copies = len(m.blocks) if space == "shared" else m.count
    if copies * size * dtype.itemsize > MAX_HELD:
        raise MemoryError(
            f"{site.kernel}, line {site.line}: {copies:,} times {name} of "
            f"{size * dtype.itemsize:,} bytes are needed at once; {MAX_HELD:,} bytes is the most"
        )
    data = np.zeros(copies * size, dtype)
    store = Store(data, name, space, unit=size, fresh=m.checks.uninitialized)
    store.layout = shape, contiguous_strides(shape)
    owner = m.block_in_group if space == "shared" else m.lane
    view = View(store, shape, contiguous_strides(shape), owner * size)
    if space == "shared" and m.checks.races:
        store.watch()
    return view


def shape_of(shape):
    """Return `shape`, an int or a tuple of ints, as a tuple; raise if it is no shape."""
    shape = shape if isinstance(shape, tuple) else (shape,)
    if not all(
        isinstance(n, int | np.integer) and not isinstance(n, bool) and n >= 0 for n in shape
    ):
        raise TypeError(f"a shape is made of whole numbers, got {shape!r}")
    return tuple(int(n) for n in shape)
