"""Memory that a kernel allocates: shared, dynamic shared, local, constant."""

import ast
import math
from types import SimpleNamespace

import numpy as np

from dlpar.gpu.lockstep.intrinsic import Intrinsic
from dlpar.gpu.lockstep.kernel import MAX_SHARED, array_in, shape_of
from dlpar.gpu.lockstep.memory import Store, View, contiguous_strides
from dlpar.gpu.lockstep.types import dtype_of

# Bytes: of a block without opting in to more; of a thread.
# Source: CUDA C++ Programming Guide, "Technical Specifications per Compute Capability".
LARGEST = {"shared": MAX_SHARED, "local": 512 * 1024}


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
        if (nbytes := math.prod(shape) * dtype.itemsize) > LARGEST[space]:
            said = f"{name} takes {nbytes:,} bytes of {space} memory: {LARGEST[space]:,} at most"
            raise translator.source.unsupported(node, said)
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
            if other.itemsize == dtype.itemsize:  # races do not care by which type
                store.shadow = m.shared[other].store.shadow
        m.shared_types.append(dtype)
        shape = (m.shared_nbytes // dtype.itemsize,)
        view = View(store, shape, contiguous_strides(shape), m.block_in_group * size)
        if m.checks.races and store.shadow is None:
            store.watch()
        m.shared[dtype] = view
    return m.shared[dtype]


def _array_like(translator, node, array):
    array = np.ascontiguousarray(array)
    if array.dtype.kind not in "biufc":
        raise translator.source.unsupported(node, "constant memory holds arrays of numbers")
    return translator.fixed(node, array)


shared = SimpleNamespace(array=_allocator("shared"))
local = SimpleNamespace(array=_allocator("local"))
const = SimpleNamespace(array_like=Intrinsic("cuda.const.array_like", _array_like, static=True))
