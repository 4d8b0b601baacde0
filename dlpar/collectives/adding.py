"""Loops that Numba compiles: the sum of several arrays, in one pass over memory."""

import functools

AT_ONCE = 8  # arrays that one pass reads: each is a stream that the processor fetches ahead
LINE = 64  # bytes of a cache line
BLOCK = 4096  # bytes that are summed up in the first-level cache before they go to memory


def adder(arrays, out, beyond_cache):
    """Return a function that sets `out` to the sum of `arrays`, added in their order.

    arrays, out : one or more (m,) arrays of one numeric dtype, read and written whenever the
    function is called, without Python's lock. `out` is none of them, and begins a cache line.
    beyond_cache : whether all of it is more than the caches hold: then the sum is written past
    them, as memcpy does, since a plain store would first read what it overwrites.

    Compiling takes about a second; it happens here, not in the call.
    """
    add_up, stream_up = _loops()
    first, rest = tuple(arrays[:AT_ONCE]), arrays[AT_ONCE:]
    groups = [rest[k : k + AT_ONCE - 1] for k in range(0, len(rest), AT_ONCE - 1)]
    passes = [(stream_up if beyond_cache and not groups else add_up, first)]
    passes += [(add_up, (out, *group)) for group in groups]
    for loop, terms in passes:
        loop(tuple(term[:0] for term in terms), out[:0])

    def add():
        for loop, terms in passes:
            loop(terms, out)

    return add


@functools.cache
def _loops():
    """Return the two loops; Numba, which takes a second to import, is imported here."""
    import numpy as np
    from numba import njit

    stream, arrive = _streaming()

    @njit(nogil=True)
    def sum_at(arrays, i):
        total = arrays[0][i]
        for k in range(1, len(arrays)):  # a tuple: the compiler unrolls this loop
            total += arrays[k][i]
        return total

    @njit(nogil=True)
    def add_up(arrays, out):
        for i in range(out.size):
            out[i] = sum_at(arrays, i)

    @njit(nogil=True)
    def stream_up(arrays, out):
        step, per_line = BLOCK // out.itemsize, LINE // out.itemsize
        room = np.empty(step + per_line, out.dtype)
        start = -(room.ctypes.data // out.itemsize) % per_line
        block = room[start : start + step]  # whole lines
        whole = out.size // step * step
        for start in range(0, whole, step):
            for i in range(step):
                block[i] = sum_at(arrays, np.uint64(start + i))  # unsigned: no look for negatives
            stream(out.ctypes.data + start * out.itemsize, block.ctypes.data)
        arrive()
        for i in range(whole, out.size):
            out[i] = sum_at(arrays, i)

    return add_up, stream_up


def _streaming():
    """Return `stream(target, source)` and `arrive()`, which take addresses of whole cache lines.

    `stream` copies BLOCK bytes past the caches. Such stores may be overtaken by later ones, as
    those by which a barrier lets others go on, but not beyond `arrive`.
    """
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    line = ir.VectorType(ir.IntType(64), 8)

    @intrinsic
    def stream(typing, target, source):
        def generate(context, builder, signature, arguments):
            mark = builder.module.add_metadata([ir.IntType(32)(1)])
            to, come = (builder.inttoptr(a, line.as_pointer()) for a in arguments)
            for k in range(BLOCK // LINE):
                here, there = (builder.gep(q, [ir.IntType(32)(k)]) for q in (come, to))
                store = builder.store(builder.load(here, align=LINE), there, align=LINE)
                store.set_metadata("nontemporal", mark)
            return context.get_dummy_value()

        return types.void(types.intp, types.intp), generate

    @intrinsic
    def arrive(typing):
        def generate(context, builder, signature, arguments):
            builder.fence("seq_cst")
            return context.get_dummy_value()

        return types.void(), generate

    return stream, arrive
