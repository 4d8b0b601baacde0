"""Floating-point formats, and what is left of a number when it is stored in one."""

from typing import NamedTuple

import numpy as np


class Format(NamedTuple):
    """A binary floating-point format. `largest` is its largest finite number."""

    name: str
    exponent_bits: int
    mantissa_bits: int
    largest: float
    infinities: bool = True

    @property
    def bias(self):
        """What is subtracted from a stored exponent."""
        return 2 ** (self.exponent_bits - 1) - 1

    @property
    def smallest_normal(self):
        """The smallest positive number with full precision."""
        return 2.0 ** (1 - self.bias)

    @property
    def smallest(self):
        """The smallest positive number."""
        return 2.0 ** (1 - self.bias - self.mantissa_bits)

    @property
    def epsilon(self):
        """The gap between 1 and the next number."""
        return 2.0**-self.mantissa_bits

    def count(self, upto):
        """Return how many of its numbers lie in (0, upto]."""
        upto = min(upto, self.largest)
        power = max(int(np.frexp(upto)[1]) - 1, 1 - self.bias)  # upto < 2**(power + 1)
        whole = (power - (1 - self.bias)) * 2**self.mantissa_bits
        gap = 2.0 ** (power - self.mantissa_bits)
        return whole + int(upto // gap)

    def numbers(self, upto):
        """Return its numbers in [0, upto], ascending."""
        k = np.arange(1 + self.count(upto))
        per = 2**self.mantissa_bits
        octave = np.maximum(k // per - 1, 0)  # 0 holds the subnormal numbers, too
        return (k - octave * per) * self.smallest * 2.0**octave


FP32 = Format("fp32", 8, 23, float(np.finfo(np.float32).max))
FP16 = Format("fp16", 5, 10, 65504.0)
BF16 = Format("bf16", 8, 7, (2 - 2.0**-7) * 2.0**127)
FP8_E4M3 = Format("fp8 e4m3", 4, 3, 448.0, infinities=False)  # the last exponent holds numbers
FP8_E5M2 = Format("fp8 e5m2", 5, 2, 57344.0)
FORMATS = (FP32, BF16, FP16, FP8_E5M2, FP8_E4M3)


def gaps(x, form):
    """Return the distance between the numbers of `form` around each x, a float64 array."""
    power = np.maximum(np.frexp(x)[1] - 1, 1 - form.bias)  # below it the gap stays as it is
    return np.ldexp(1.0, power - form.mantissa_bits)


def rounded(x, form):
    """Return x rounded to the nearest number of `form`, of two equally near the even one.

    x : float array, not modified; the result has its dtype. What would round beyond the largest
    number becomes infinity, or NaN in a format without infinities.
    Source: IEEE 754-2019, section 4.3.1; Micikevicius et al., "FP8 Formats for Deep Learning".
    """
    gap = gaps(x, form)
    return _fitted(np.rint(x / gap) * gap, x, form)


def rounded_stochastically(x, form, rng):
    """Return x rounded up or down at random, the nearer number more often: its mean is x.

    Arguments as for `rounded`; rng : numpy.random.Generator.
    Source: Gupta et al., ICML 2015, section 3.
    """
    gap = gaps(x, form)
    return _fitted(np.floor(x / gap + rng.random(np.shape(x))) * gap, x, form)


def _fitted(values, x, form):
    """Return float64 `values` in the dtype of x, with what is too large for `form` taken out."""
    beyond = np.copysign(np.inf, values) if form.infinities else np.nan
    kept = np.where(np.abs(values) > form.largest, beyond, values)
    return kept.astype(np.asarray(x).dtype)
