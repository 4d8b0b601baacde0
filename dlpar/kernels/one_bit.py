"""One bit an element: the 32 lanes of a warp vote, and the vote is the word that travels.

The launchers take NumPy arrays and return NumPy arrays, or device arrays and stay on the device.
Source: Seide et al., Interspeech 2014, section 3.2 (quantisation to one bit).
"""

import numpy as np

from dlpar.gpu import cuda, uint32
from dlpar.kernels.launching import THREADS, at_home, blocks_for, ceil_div, on_device
from dlpar.kernels.warps import ALL, WARP


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
