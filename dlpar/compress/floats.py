"""Shorter floats: 16 bits each, or 8 with a scale for each block."""

import numpy as np

from dlpar.compress.wire import HEADER, finite, pack, require, split, unpack, vector
from dlpar.nn.formats import BF16, FP8_E4M3, FP8_E5M2, FP16, rounded

BIAS = 127  # of a block's exponent, one byte: 2**(byte - 127)


def half_bytes(n):
    """Return the bytes of a message of n elements in 16 bits each."""
    return HEADER + 2 * n


def fp8_bytes(n, block=128):
    """Return the bytes of a message of n elements in 8 bits each, and 8 bits a block."""
    return HEADER + n + -(-n // block)


class Half:
    """v -> v rounded to FP16 or BF16, ties to even. float64 is rounded to float32 on the way.

    NaN and infinity are carried as such; a finite number that would become infinite is refused.
    """

    def __init__(self, form=BF16):
        """Round to `form`, BF16 or FP16 of dlpar.nn.formats."""
        if form not in (BF16, FP16):
            raise ValueError(f"16 bits are BF16 or FP16, got {form!r}")
        self.form = form

    def encode(self, v):
        """Return the message of v, (n,)."""
        v = vector(v)
        with np.errstate(over="ignore", invalid="ignore"):  # found below
            single = v.astype("<f4")
            codes = single.astype("<f2").view("<u2") if self.form == FP16 else _bf16(single)
            beyond = np.isfinite(v) & ~np.isfinite(self._told(codes))
        if beyond.any():
            raise ValueError(f"{v[beyond][0]} is beyond the numbers of {self.form.name}")
        return pack("half", v, self.form == BF16, 0, codes)

    def decode(self, message):
        """Return what `message` tells, (n,); WireError if damaged."""
        head, payload = unpack(message, "half")
        require((head.a, head.b) == (self.form == BF16, 0), f"not a message in {self.form.name}")
        (codes,) = split(payload, ("<u2", head.n))
        return self._told(codes).astype(head.dtype)

    def nbytes(self, n):
        """Return the bytes of a message for n elements."""
        return half_bytes(n)

    def _told(self, codes):
        if self.form == FP16:
            return codes.view("<f2").astype(np.float32)
        return (codes.astype("<u4") << 16).view("<f4")


def _bf16(single):
    """Return the upper half of float32 numbers, rounded to even: (n,) uint16."""
    bits = single.view("<u4").astype(np.uint64)
    up = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    quiet = (bits >> 16) | 0x40  # a NaN stays one, whatever its lower half was
    return np.where(np.isnan(single), quiet, up).astype("<u2")


class FP8:
    """v -> 8 bits an element, with a power of two for each block, so that its largest just fits.

    Within a block numbers down to 2**-15 of the largest have an error of at most 1/16 of themselves
    in e4m3 (1/8 in e5m2, which reaches further down). NaN and infinity are refused.
    Source: Micikevicius et al. 2022; blocks with one exponent: OCP Microscaling, 2023.
    """

    def __init__(self, form=FP8_E4M3, block=128):
        """Use `form`, FP8_E4M3 or FP8_E5M2, with a scale for each `block` elements."""
        if form not in (FP8_E4M3, FP8_E5M2):
            raise ValueError(f"8 bits are FP8_E4M3 or FP8_E5M2, got {form!r}")
        if not 1 <= block < 2**31:
            raise ValueError(f"a block has 1 or more elements, got {block!r}")
        self.form, self.block = form, int(block)
        self.numbers = form.numbers(form.largest)  # the bits without sign are the index

    def encode(self, v):
        """Return the message of v, (n,)."""
        v = finite(v)
        blocks = -(-v.size // self.block)
        padded = np.zeros((blocks, self.block))
        padded.reshape(-1)[: v.size] = v
        share, power = np.frexp(np.abs(padded).max(axis=1, initial=0.0) / self.form.largest)
        power = np.clip(power - (share == 0.5), -BIAS, BIAS + 1)  # 2**power >= largest / form's
        exact = padded * np.ldexp(1.0, -power)[:, None]
        near = rounded(np.clip(exact, -self.form.largest, self.form.largest), self.form)
        near = near.reshape(-1)[: v.size]
        codes = np.searchsorted(self.numbers, np.abs(near)) | (np.signbit(near) << 7)
        exponents = (power + BIAS).astype(np.uint8)
        return pack("fp8", v, self.block, self._mark(), codes.astype(np.uint8), exponents)

    def decode(self, message):
        """Return what `message` tells, (n,); WireError if damaged."""
        head, payload = unpack(message, "fp8")
        require((head.a, head.b) == (self.block, self._mark()), "another format, or other blocks")
        codes, exponents = split(payload, (np.uint8, head.n), (np.uint8, -(-head.n // self.block)))
        require((codes & 127 < len(self.numbers)).all(), "a code is no number")
        told = self.numbers[codes & 127] * np.where(codes >> 7, -1.0, 1.0)
        scales = np.ldexp(1.0, exponents.astype(np.int64) - BIAS)
        return (told * np.repeat(scales, self.block)[: head.n]).astype(head.dtype)

    def nbytes(self, n):
        """Return the bytes of a message for n elements."""
        return fp8_bytes(n, self.block)

    def _mark(self):
        return 4 if self.form == FP8_E4M3 else 5
