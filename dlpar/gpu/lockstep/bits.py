"""Bits and single instructions: popc, brev, clz, ffs, selp, cbrt, fma."""

import numpy as np

from dlpar.gpu.lockstep.intrinsic import Intrinsic
from dlpar.gpu.lockstep.types import FLOAT32, FLOAT64, UINT64, floats, select, truth


def unsigned(site, name, x):
    """Return integers `x` as unsigned ones of their own width; raise TypeError for others."""
    if x.dtype.kind not in "iu":
        where = f"{site.kernel}, line {site.line}: cuda.{name}"
        raise TypeError(f"{where} counts the bits of an integer, not of {x.dtype}")
    return x.astype(np.dtype(f"u{x.dtype.itemsize}"))


def _popc(m, site, x):
    return np.bitwise_count(unsigned(site, "popc", x)).astype(x.dtype)


def _brev(m, site, x):
    bits = unsigned(site, "brev", x)
    if x.dtype != UINT64:
        bits = bits.astype(np.uint32)  # Numba has brev for uint32 and uint64
    width, result = bits.dtype.itemsize * 8, bits * 0
    for i in range(width):
        one = (bits >> bits.dtype.type(i)) & bits.dtype.type(1)
        result = result | (one << bits.dtype.type(width - 1 - i))
    return result


def _clz(m, site, x):
    left = unsigned(site, "clz", x)
    width, shift = left.dtype.itemsize * 8, 1
    while shift < width:
        left = left | (left >> left.dtype.type(shift))
        shift *= 2
    return (width - np.bitwise_count(left)).astype(x.dtype)


def _ffs(m, site, x):
    bits = unsigned(site, "ffs", x)
    below = ~bits & (bits - bits.dtype.type(1))  # the zeros below the lowest one
    return np.where(bits == 0, 0, np.bitwise_count(below) + 1).astype(np.uint32)[()]


def _selp(m, site, condition, a, b):
    if a.dtype != b.dtype or a.dtype.itemsize == 1 or a.dtype == np.float16:
        raise TypeError(
            f"{site.kernel}, line {site.line}: cuda.selp chooses between two numbers of one type "
            f"of 16 to 64 bits, not {a.dtype} and {b.dtype}"
        )
    return select(truth(condition), a, b)


def _cbrt(m, site, x):
    return np.cbrt(x.astype(floats(x.dtype, FLOAT32)))


# Fused multiply and add: one rounding


def _two_sum(a, b):
    """Return the sum and its rounding error, exactly (Knuth)."""
    s = a + b
    part = s - a
    return s, (a - (s - part)) + (b - part)


def _two_product(a, b):
    """Return the float64 product and its rounding error, exactly (Veltkamp, Dekker)."""
    p = a * b
    (ah, al), (bh, bl) = ((c - (c - x), x - (c - (c - x))) for x, c in ((a, a * S), (b, b * S)))
    return p, ((ah * bh - p) + ah * bl + al * bh) + al * bl


S = float(2**27 + 1)


def _odd_sum(a, b):
    """Return a + b rounded to odd, so that a second rounding does no harm.

    Source: Boldo and Melquiond, "Emulation of FMA and correctly rounded sums", 2008.
    """
    s, error = _two_sum(a, b)
    even = s.view(np.int64) & 1 == 0
    towards = np.where(error > 0, np.inf, -np.inf)
    fixable = (error != 0) & even & np.isfinite(s)
    return np.where(fixable, np.nextafter(s, towards), s)


def fused(a, b, c, kind):
    """Return a * b + c of arrays, with one rounding, as the float type `kind`."""
    a, b, c = (np.asarray(x, FLOAT64) for x in (a, b, c))
    if kind != FLOAT64:
        return _odd_sum(a * b, c).astype(kind)[()]  # products of float32 are exact in float64
    uh, ul = _two_product(a, b)
    th, tl = _two_sum(c, ul)
    vh, vl = _two_sum(uh, th)
    exact = vh + _odd_sum(tl, vl)
    return np.where(np.isfinite(exact), exact, a * b + c)[()]  # too large to split, or NaN


def _fma(m, site, a, b, c):
    kind = floats(floats(a.dtype, b.dtype), c.dtype)
    return fused(a, b, c, kind if kind.kind == "f" else FLOAT64)


popc, brev = Intrinsic("cuda.popc", _popc), Intrinsic("cuda.brev", _brev)
clz, ffs = Intrinsic("cuda.clz", _clz), Intrinsic("cuda.ffs", _ffs)
selp, cbrt = Intrinsic("cuda.selp", _selp), Intrinsic("cuda.cbrt", _cbrt, meter="flops")
fma = Intrinsic("cuda.fma", _fma, meter="fma")
