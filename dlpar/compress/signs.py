"""Signs: one bit an element, with one scale for the whole vector or with none."""

import numpy as np

from dlpar.compress.bits import WORDS, pack_bits, spare_bits_are_clear, unpack_bits, words_for
from dlpar.compress.wire import HEADER, finite, pack, require, split, unpack

SCALE = np.dtype("<f4")


def sign_bytes(n, scaled=True):
    """Return the bytes of a message for n elements: one bit each, and 4 for a scale."""
    return HEADER + 4 * words_for(n) + (4 if scaled else 0)


class Sign:
    """v -> sign(v) times the mean of |v|, or times 1 if not `scaled`. sign(0) is 1.

    Scaled it is a contraction: ||v - told||**2 = (1 - ||v||_1**2 / (n ||v||_2**2)) ||v||_2**2.
    NaN and infinity are refused, and a mean that overflows float32.
    Source: Bernstein et al., ICML 2018 (signSGD); Karimireddy et al., ICML 2019 (scaled).
    """

    def __init__(self, scaled=True):
        """Send the scale along, or not."""
        self.scaled = scaled

    def encode(self, v):
        """Return the message of v, (n,)."""
        v = finite(v)
        if not self.scaled:
            return pack("sign", v, 0, 0, pack_bits(v >= 0))
        with np.errstate(over="ignore"):
            scale = np.array([np.abs(v).mean(dtype=np.float64) if v.size else 0], SCALE)
        if not np.isfinite(scale[0]):
            raise ValueError("the mean of |v| does not fit float32")
        return pack("scaled_sign", v, 0, 0, pack_bits(v >= 0), scale)

    def decode(self, message):
        """Return what `message` tells, (n,); WireError if damaged."""
        head, payload = unpack(message, "scaled_sign" if self.scaled else "sign")
        words, scale = split(payload, (WORDS, words_for(head.n)), (SCALE, int(self.scaled)))
        require(head.a == head.b == 0, "a and b must be 0")
        require(spare_bits_are_clear(words, head.n), "bits beyond the last element are set")
        size = head.dtype.type(scale[0] if self.scaled else 1)
        require(np.isfinite(size) and size >= 0, "the scale is no size")
        return np.where(unpack_bits(words, head.n), size, -size)

    def nbytes(self, n):
        """Return the bytes of a message for n elements."""
        return sign_bytes(n, self.scaled)
