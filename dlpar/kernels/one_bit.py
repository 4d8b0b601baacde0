"""One bit an element: the 32 lanes of a warp vote, and the vote is the word that travels.

The launchers take NumPy arrays and return NumPy arrays, or device arrays and stay on the device.
Source: Seide et al., Interspeech 2014, section 3.2 (quantisation to one bit).
"""

import numpy as np

from dlpar.gpu import cuda, float32, uint32
from dlpar.kernels.launching import THREADS, at_home, blocks_for, ceil_div, on_device, same_shape
from dlpar.kernels.warps import ALL, ROWS, WARP, warp_sum


@cuda.jit
def pack_signs(g, words):
    """Bit i % 32 of words[i // 32] = whether g[i] >= 0; bits beyond the end are 0.

    g : (n,) float32.  words : (ceil(n / 32),) uint32, overwritten.  Both on the device.
    Launch [blocks, threads], threads a multiple of 32, with blocks * threads >= n.
    Reads 4 bytes an element and writes 1/8.
    """
    i = cuda.grid(1)
    positive = i < g.size and g[i] >= 0
    word = cuda.ballot_sync(ALL, positive)  # lanes past the end vote too: the mask names them
    if i % WARP == 0 and i < g.size:
        words[i // WARP] = uint32(word)


@cuda.jit
def unpack_signs(words, low, high, y):
    """y[i] = high where bit i % 32 of words[i // 32] is set, else low.

    words : (ceil(n / 32),) uint32.  low, high : float32.  y : (n,) float32, overwritten.
    Launch as `pack_signs`. A warp reads one word: a broadcast.
    """
    i = cuda.grid(1)
    if i < y.size:
        bit = (words[i // WARP] >> uint32(i % WARP)) & uint32(1)
        y[i] = high if bit == 1 else low


def pack(g):
    """Return the signs of g, (n,) float32, as (ceil(n / 32),) uint32: 1 for g >= 0 (and for -0.0).

    NaN has no sign: its bit is 0. Raises ValueError if g has another dtype or shape.
    """
    given = on_device("g", g, ndim=1)
    words = cuda.device_array(ceil_div(g.size, WARP), np.uint32)
    pack_signs[blocks_for(g.size), THREADS](given, words)
    return at_home(words, g)


def unpack(words, n, low, high):
    """Return n values, float32: `high` for a set bit of `words`, else `low`.

    words : (ceil(n / 32),) uint32, as `pack` returns them; low and high, the two scale factors,
    are given. Raises ValueError if there are not as many words as n values need.
    """
    given = on_device("words", words, ndim=1, dtype=np.uint32)
    if words.size != ceil_div(n, WARP):
        raise ValueError(f"{n} values need {ceil_div(n, WARP)} words, got {words.size}")
    y = cuda.device_array(n, np.float32)
    unpack_signs[blocks_for(n), THREADS](given, np.float32(low), np.float32(high), y)
    return at_home(y, words)


@cuda.jit
def encode_columns(g, residual, length, words, means, out):
    """Bits, means and what they leave of v = g + residual, a warp for each column of `length`.

    g, residual : (n,) float32.  length : a multiple of 32; the last column may be shorter.
    words : (ceil(n / 32),) uint32.  means : (c, 2) float32, of the v < 0 and of the others, 0 of
    none.  out : (n,) float32, v minus its mean; may be `residual`. All three overwritten.
    Launch [blocks, (32, ROWS)] with blocks * ROWS >= c. The lanes' sums meet in the order that
    `dlpar.compress.one_bit` states: the same bits. Reads 12 bytes an element and writes 8 and 1/8.
    """
    c, lane = cuda.blockIdx.x * ROWS + cuda.threadIdx.y, cuda.threadIdx.x
    if c < means.shape[0]:  # whole warps leave
        start = c * length
        end = min(start + length, g.size)
        low, high, ones = float32(-0.0), float32(-0.0), 0  # -0.0 + x is x, for -0.0 too
        for i in range(start + lane, start + ceil_to_warp(end - start), WARP):
            v = g[i] + residual[i] if i < end else float32(0)
            up = v >= float32(0)
            low += float32(0) if up else v
            high += v if up else float32(0)
            word = cuda.ballot_sync(ALL, up and i < end)
            ones += cuda.popc(word)
            if i < end:
                out[i] = v
            if lane == 0:
                words[i // WARP] = uint32(word)
        low = warp_sum(low) / float32(max(end - start - ones, 1))
        high = warp_sum(high) / float32(max(ones, 1))
        if lane == 0:
            means[c, 0] = low
            means[c, 1] = high
        for i in range(start + lane, end, WARP):  # each lane meets what it wrote itself
            out[i] -= high if out[i] >= float32(0) else low


@cuda.jit(device=True)
def ceil_to_warp(n):
    """Return n rounded up to a multiple of 32: all lanes of a warp vote as often."""
    return (n + WARP - 1) // WARP * WARP


@cuda.jit
def add_columns(words, means, length, out):
    """Add to `out` what words and means tell, as `encode_columns` writes them.

    out : (n,) float32, changed in place.  Launch [blocks, threads] with blocks * threads >= n.
    Reads and writes 4 bytes an element, and reads 1/8 and 8 a column.
    """
    i = cuda.grid(1)
    if i < out.size:
        bit = (words[i // WARP] >> uint32(i % WARP)) & uint32(1)
        out[i] += means[i // length, bit]


def encode(g, residual, length):
    """Return words, means (c, 2) and the new residual of v = g + residual, (n,) float32 each.

    length : of a column, a multiple of 32; the last may be shorter. On the device if g is there.
    Raises ValueError for other shapes, types or lengths. NaN and infinity go on into the means of
    their column: look there before the residual is used.
    """
    given, left = on_device("g", g, ndim=1), on_device("residual", residual, ndim=1)
    same_shape(g=g, residual=residual)
    _whole_words(length)
    words = cuda.device_array(ceil_div(g.size, WARP), np.uint32)
    means = cuda.device_array((ceil_div(g.size, length), 2), np.float32)
    out = cuda.device_array(g.size, np.float32)
    blocks = blocks_for(means.shape[0], ROWS)
    encode_columns[blocks, (WARP, ROWS)](given, left, length, words, means, out)
    return tuple(at_home(array, g) for array in (words, means, out))


def decode_add(words, means, length, x):
    """Return x, (n,) float32, with what `words` and `means` tell added, as `encode` returns them.

    An x on the device is changed in place. Raises ValueError for other shapes or types.
    """
    _whole_words(length)
    shapes = ((ceil_div(x.size, WARP),), (ceil_div(x.size, length), 2))
    if (tuple(words.shape), tuple(means.shape)) != shapes:
        raise ValueError(f"words and means must be {shapes}, got {words.shape}, {means.shape}")
    total = on_device("x", x, ndim=1)
    told = on_device("words", words, 1, np.uint32), on_device("means", means, 2)
    add_columns[blocks_for(x.size), THREADS](*told, length, total)
    return at_home(total, x)


def _whole_words(length):
    if length < 1 or length % WARP:
        raise ValueError(f"a column must be a multiple of {WARP} long, got {length}")
