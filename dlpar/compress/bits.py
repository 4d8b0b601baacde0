"""Bits in words: bit i % 32 of word i // 32 is element i, as the GPU's warps vote them."""

import numpy as np

WORD = 32
WORDS = np.dtype("<u4")


def words_for(n):
    """Return how many words hold n bits."""
    return -(-n // WORD)


def pack_bits(bits):
    """Return (n,) bool as (ceil(n / 32),) uint32; what is beyond the end is 0."""
    packed = np.packbits(bits, bitorder="little")
    out = np.zeros(words_for(bits.size) * 4, np.uint8)
    out[: packed.size] = packed
    return out.view(WORDS)


def unpack_bits(words, n):
    """Return the first n bits of `words`, uint32, as (n,) bool."""
    raw = np.ascontiguousarray(words).view(np.uint8)
    return np.unpackbits(raw, count=n, bitorder="little").view(bool)


def spare_bits_are_clear(words, n):
    """Tell whether the bits of the last word that belong to no element are 0."""
    return n % WORD == 0 or int(words[-1]) >> (n % WORD) == 0


def pack_fields(values, width):
    """Return (n,) integers of `width` bits each, the lowest bit first, one after another in words.

    Bit j of value i is bit i * width + j of the whole.
    """
    bits = (values.astype(np.uint32)[:, None] >> np.arange(width, dtype=np.uint32)) & 1
    return pack_bits(bits.astype(bool).ravel())


def unpack_fields(words, n, width):
    """Return n integers of `width` bits, (n,) int64, as `pack_fields` packed them."""
    bits = unpack_bits(words, n * width).reshape(n, width)
    return bits @ (1 << np.arange(width, dtype=np.int64))
