"""Unbiased codes: rounded up or down at random, so that the mean over the dice is v itself.

Without feedback their errors average out over steps and ranks; the price is variance.
"""

import numpy as np

from dlpar.compress.bits import (
    WORDS,
    pack_fields,
    spare_bits_are_clear,
    unpack_fields,
    words_for,
)
from dlpar.compress.wire import HEADER, finite, pack, require, split, unpack
from dlpar.data import checked_generator

SCALE = np.dtype("<f4")
PLUS, MINUS = 1, 2  # of the four patterns that two bits have


def ternary_bytes(n):
    """Return the bytes of a TernGrad message for n elements: two bits each."""
    return HEADER + 4 + 4 * words_for(2 * n)


def qsgd_bytes(n, levels):
    """Return the bytes of a QSGD message: a sign and a level of 0 .. levels, for each of n."""
    return HEADER + 4 + 4 * words_for(n * (1 + int(levels).bit_length()))


class Ternary:
    """v -> s * {-1, 0, 1}, s = max|v|; an entry is kept with probability |v| / s. Unbiased.

    Variance of entry i: |v_i| (s - |v_i|). Two bits an element (log2(3) would do), and s as
    float32, rounded up. NaN and infinity are refused.
    Source: Wen et al., NIPS 2017 (TernGrad).
    """

    def __init__(self, rng):
        """Throw dice from `rng`, a numpy.random.Generator; ranks need different ones."""
        self.rng = checked_generator(rng)

    def encode(self, v):
        """Return the message of v, (n,)."""
        v = finite(v)
        size = np.abs(v, dtype=np.float64)
        scale = _rounded_up(size.max(initial=0.0))
        kept = self.rng.random(v.size) * float(scale[0]) < size
        codes = np.where(v >= 0, PLUS, MINUS) * kept
        return pack("ternary", v, 0, 0, scale, pack_fields(codes, 2))

    def decode(self, message):
        """Return what `message` tells, (n,); WireError if damaged."""
        head, payload = unpack(message, "ternary")
        require(head.a == head.b == 0, "a and b must be 0")
        scale, words = split(payload, (SCALE, 1), (WORDS, words_for(2 * head.n)))
        require(np.isfinite(scale[0]) and scale[0] >= 0, "the scale is no size")
        require(spare_bits_are_clear(words, 2 * head.n), "bits beyond the last element are set")
        codes = unpack_fields(words, head.n, 2)
        require((codes <= MINUS).all(), "a pattern has no meaning")
        return np.array([0, 1, -1], head.dtype)[codes] * head.dtype.type(scale[0])

    def nbytes(self, n):
        """Return the bytes of a message for n elements."""
        return ternary_bytes(n)


class QSGD:
    """v -> ||v|| * sign(v) * l / s, with l one of the two whole numbers around s |v| / ||v||.

    Unbiased, with E||told - v||**2 <= min(n / s**2, sqrt(n) / s) ||v||**2. Levels are packed in
    words with equally many bits each (the paper's Elias code would be shorter for sparse ones).
    NaN and infinity are refused, and a norm beyond float32.
    Source: Alistarh et al., NIPS 2017, section 3.1.
    """

    def __init__(self, levels, rng):
        """Use s = levels, 1 .. 2**20, and dice from `rng`; ranks need different ones."""
        if not 1 <= levels <= 2**20:
            raise ValueError(f"levels must lie in 1 .. {2**20}, got {levels!r}")
        self.levels, self.rng = int(levels), checked_generator(rng)

    def encode(self, v):
        """Return the message of v, (n,)."""
        v = finite(v)
        size = np.abs(v, dtype=np.float64)
        top = size.max(initial=0.0)
        norm = _rounded_up(top * np.sqrt(np.sum((size / (top or 1.0)) ** 2)))
        place = size / (float(norm[0]) or 1.0) * self.levels
        level = np.minimum(np.floor(place + self.rng.random(v.size)), self.levels).astype(np.int64)
        width = self.levels.bit_length()
        codes = level | (np.signbit(v).astype(np.int64) << width)
        return pack("qsgd", v, self.levels, 0, norm, pack_fields(codes, 1 + width))

    def decode(self, message):
        """Return what `message` tells, (n,); WireError if damaged."""
        head, payload = unpack(message, "qsgd")
        require((head.a, head.b) == (self.levels, 0), f"not a message of {self.levels} levels")
        width = self.levels.bit_length()
        bits = head.n * (1 + width)
        norm, words = split(payload, (SCALE, 1), (WORDS, words_for(bits)))
        require(np.isfinite(norm[0]) and norm[0] >= 0, "the norm is no size")
        require(spare_bits_are_clear(words, bits), "bits beyond the last element are set")
        codes = unpack_fields(words, head.n, 1 + width)
        level = codes & ((1 << width) - 1)
        require((level <= self.levels).all(), "a level is above the highest")
        signed = np.where(codes >> width, -level, level)
        return (signed * (float(norm[0]) / self.levels)).astype(head.dtype)

    def nbytes(self, n):
        """Return the bytes of a message for n elements."""
        return qsgd_bytes(n, self.levels)


def _rounded_up(size):
    """Return the smallest float32 that is no less than `size`, (1,); ValueError beyond them all."""
    with np.errstate(over="ignore"):
        scale = np.array([size], SCALE)
        if float(scale[0]) < size:
            scale = np.nextafter(scale, np.float32(np.inf)).astype(SCALE)
    if not np.isfinite(scale[0]):
        raise ValueError(f"a scale of {size} does not fit float32")
    return scale
