"""One bit an element at the speed of memory: the loops of `one_bit`, compiled by Numba.

The same bits, means and residuals as `one_bit`'s NumPy, sums in the order that it states. A column
is read from memory once: its second pass, which needs the means, finds it in the cache.
"""

import functools
import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from dlpar.compress.bits import words_for
from dlpar.compress.one_bit import LANES, column_lengths

AT_ONCE = 8  # words of a column whose sums stay in registers


def encode(g, residual, column, out, threads=1):
    """Return the words, uint32, and the means, (c, 2) float32, of v = g + residual, one column
    after another; set `out` to what they leave: v minus what the receiver will take it for.

    g, residual, out : (n,) float32, contiguous; `out` may be `residual`, but overlaps no other.
    column : the length of a column, or the lengths of all, as `OneBit` takes them.
    threads : how many share the columns; they work without Python's lock.

    Raises ValueError if v or the sum of a column is not finite; g and residual are as they were,
    unless `out` is `residual`: then that holds nothing of use.
    Traffic: reads 8 bytes an element and writes 4 and 1/8, as long as a column fits into the
    cache; an `out` of its own is read as well before it is overwritten.
    """
    lengths = _checked(column, g=g, residual=residual, out=out)
    loop = loops()[0]
    words = np.zeros(words_for(g.size), np.uint32)
    means = np.empty((len(lengths), 2), np.float32)

    def work(a, b, first, last):
        mine = words[a // LANES : words_for(b)]
        some = slice(first, last)
        return loop(g[a:b], residual[a:b], out[a:b], mine, means[some], lengths[some])

    if not all(_share(work, lengths, threads)):
        raise ValueError("one bit carries no NaN, no infinity and no sum that overflows")
    return words, means


def decode_add(words, means, column, out, threads=1):
    """Add to `out`, (n,) float32, contiguous, what `words` and `means` tell, as `encode` has them.

    Raises ValueError if there are more or fewer words or means than n elements need.
    Traffic: reads and writes 4 bytes an element, and reads 1/8.
    """
    lengths = _checked(column, out=out)
    for name, array, shape, dtype in (
        ("words", words, (words_for(out.size),), np.uint32),
        ("means", means, (len(lengths), 2), np.float32),
    ):
        if array.shape != shape or array.dtype != dtype:
            raise ValueError(f"{name} must be {shape} {np.dtype(dtype)}, got {array.shape}")
    loop = loops()[1]

    def work(a, b, first, last):
        loop(words[a // LANES : words_for(b)], means[first:last], lengths[first:last], out[a:b])

    _share(work, lengths, threads)


def _checked(column, **arrays):
    """Return the lengths of the columns; raise ValueError for arrays that the loops cannot take."""
    sizes = {array.size for array in arrays.values()}
    for name, x in arrays.items():
        if x.dtype != np.float32 or x.ndim != 1 or not x.flags.c_contiguous:
            raise ValueError(f"{name} must be (n,) float32, contiguous, got {x.shape} {x.dtype}")
    if len(sizes) > 1:
        raise ValueError(f"{', '.join(arrays)} must be of one size, got {sorted(sizes)}")
    lengths = np.ascontiguousarray(column_lengths(sizes.pop(), column))
    if (lengths < 1).any():
        raise ValueError(f"a column has 1 or more elements, got {lengths.min()}")
    return lengths


def _share(work, lengths, threads):
    """Return what `work(a, b, first, last)` returns for each thread's columns and elements.

    Shares begin with a word: no two threads write to one.
    """
    ends = np.concatenate([[0], np.cumsum(lengths)])
    fit = np.flatnonzero(ends % LANES == 0)
    wanted = ends[-1] * np.arange(1, threads) // threads
    cuts = np.unique([0, *fit[np.searchsorted(ends[fit], wanted, side="right") - 1], len(lengths)])
    jobs = [(ends[a], ends[b], a, b) for a, b in itertools.pairwise(cuts)]
    if len(jobs) < 2:
        return [work(*job) for job in jobs]
    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(lambda job: work(*job), jobs))


@functools.cache
def loops():
    """Return the two loops; Numba, which takes a second to import, is imported here."""
    from numba import njit

    take_many, take_one, add_word = _intrinsics()
    word, value, bit = np.uint32, np.float32, np.uint32(1)

    @njit(nogil=True)
    def put(words, at, w):
        k, shift = at // LANES, word(at % LANES)
        words[k] |= w << shift
        if shift and w >> (word(LANES) - shift):
            words[k + 1] |= w >> (word(LANES) - shift)

    @njit(nogil=True)
    def fold(lanes):
        half = LANES // 2
        while half:
            for t in range(half):
                lanes[t] += lanes[t + half]
            half //= 2
        return lanes[0]

    @njit(nogil=True)
    def encode_columns(g, r, out, words, means, lengths):
        sums, rest = np.empty((2, LANES), value), np.empty((3, LANES), value)
        some = np.empty(AT_ONCE, word)
        to_g, to_r, to_v, to_rest = g.ctypes.data, r.ctypes.data, out.ctypes.data, rest.ctypes.data
        to_words, to_some, to_sums = words.ctypes.data, some.ctypes.data, sums.ctypes.data
        start = 0
        for c in range(lengths.size):
            end, ones, i = start + lengths[c], 0, start
            begins_a_word = start % LANES == 0
            sums[:] = value(-0.0)  # to which each number adds as itself, -0.0 too
            while i + AT_ONCE * LANES <= end:
                to = to_words + i // 8 if begins_a_word else to_some
                ones += take_many(to_g + 4 * i, to_r + 4 * i, to_v + 4 * i, to, to_sums)
                if not begins_a_word:
                    for k in range(AT_ONCE):
                        put(words, i + k * LANES, some[k])
                i += AT_ONCE * LANES
            while i + LANES <= end:
                ones += take_one(to_g + 4 * i, to_r + 4 * i, to_v + 4 * i, to_some, to_sums)
                put(words, i, some[0])
                i += LANES
            if i < end:
                rest[:] = value(0)  # which counts as not below zero
                for k in range(end - i):
                    rest[0, k], rest[1, k] = g[i + k], r[i + k]
                ones += take_one(to_rest, to_rest + 128, to_rest + 256, to_some, to_sums)
                ones -= i + LANES - end
                put(words, i, some[0] & ((bit << word(end - i)) - bit))
                for k in range(end - i):
                    out[i + k] = rest[2, k]
            low = fold(sums[0]) / value(max(end - start - ones, 1))
            high = fold(sums[1]) / value(max(ones, 1))
            if not (np.isfinite(low) and np.isfinite(high)):
                return False
            means[c, 0], means[c, 1] = low, high
            v = out[start:end]
            for i in range(v.size):
                v[i] -= high if v[i] >= value(0) else low
            start = end
        return True

    @njit(nogil=True)
    def add_columns(words, means, lengths, out):
        to_out, start = out.ctypes.data, 0
        for c in range(lengths.size):
            end, i, (low, high) = start + lengths[c], start, (means[c, 0], means[c, 1])
            shift = word(start % LANES)
            while i + LANES <= end:
                w = words[i // LANES] >> shift
                if shift:
                    w |= words[i // LANES + 1] << (word(LANES) - shift)
                add_word(w, low, high, to_out + 4 * i)
                i += LANES
            for k in range(i, end):
                out[k] += high if words[k // LANES] >> word(k % LANES) & bit else low
            start = end

    return encode_columns, add_columns


def _intrinsics():
    """Return what Numba has no words for: 32 lanes at once, whose comparisons are one word.

    `take(g, r, v, words, sums)`, for AT_ONCE words and for one, takes addresses; it sets v to g + r
    and the words to v >= 0, adds to the lanes of `sums` what lies below zero and what does not, and
    returns how many do not. `add_word(word, low, high, out)` adds to the 32 from `out` on.
    """
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    bits, single = ir.IntType(32), ir.FloatType()
    lanes, flags = ir.VectorType(single, LANES), ir.VectorType(ir.IntType(1), LANES)
    zeros = ir.Constant(lanes, [0.0] * LANES)

    def rows(builder, address, kind, n):
        first = builder.inttoptr(address, kind.as_pointer())
        return [builder.gep(first, [bits(k)]) for k in range(n)]

    def taker(n):
        @intrinsic
        def take(typing, g, r, v, words, sums):
            def generate(context, builder, signature, arguments):
                kinds = lanes, lanes, lanes, bits
                given = [
                    rows(builder, a, kind, n) for a, kind in zip(arguments[:4], kinds, strict=True)
                ]
                homes = rows(builder, arguments[4], lanes, 2)
                low, high = (builder.load(home, align=4) for home in homes)
                count = builder.module.declare_intrinsic("llvm.ctpop", [bits])
                ones = bits(0)
                for g_at, r_at, v_at, word_at in zip(*given, strict=True):
                    x = builder.fadd(builder.load(g_at, align=4), builder.load(r_at, align=4))
                    builder.store(x, v_at, align=4)
                    up = builder.fcmp_ordered(">=", x, zeros)  # false for NaN
                    word = builder.bitcast(up, bits)
                    builder.store(word, word_at, align=4)
                    ones = builder.add(ones, builder.call(count, [word]))
                    low = builder.fadd(low, builder.select(up, zeros, x))
                    high = builder.fadd(high, builder.select(up, x, zeros))
                for total, home in zip((low, high), homes, strict=True):
                    builder.store(total, home, align=4)
                return builder.zext(ones, ir.IntType(64))

            return types.int64(*[types.intp] * 5), generate

        return take

    @intrinsic
    def add_word(typing, word, low, high, out):
        def generate(context, builder, signature, arguments):
            def spread(x):
                alone = builder.insert_element(ir.Constant(lanes, ir.Undefined), x, bits(0))
                index = ir.Constant(ir.VectorType(bits, LANES), [0] * LANES)
                return builder.shuffle_vector(alone, alone, index)

            up = builder.bitcast(arguments[0], flags)
            (home,) = rows(builder, arguments[3], lanes, 1)
            told = builder.select(up, spread(arguments[2]), spread(arguments[1]))
            builder.store(builder.fadd(builder.load(home, align=4), told), home, align=4)
            return context.get_dummy_value()

        return types.void(types.uint32, types.float32, types.float32, types.intp), generate

    return taker(AT_ONCE), taker(1), add_word
