"""Sums whose bits do not depend on who came first, on the algorithm, or on the number of ranks.

Addition of floats is commutative, but not associative: another order is another rounding. Three
ways to the same bits, and one that promises nothing:

  arrival_allreduce  adds in the order of arrival: other bits on another run
  ordered_allreduce  adds in the order of ranks: the same bits for one p
  binned_allreduce   adds whole multiples of one unit: the same bits for every p and partition
  exact_allreduce    adds without any rounding, and rounds once: the same, and the nearest float32

The last two add integers, which is associative, so any allreduce may carry them. They take a
rank's terms one by one, (k, n), since a sum of floats that a rank has already formed depends on
what fell to it: a gradient is to come as one term per example, or per block of examples that
does not depend on p.

What they agree on: an infinity, or nan where there are two signs of it or a nan among the terms;
+0.0 for a sum of zeros, also of negative ones; infinity where the sum lies beyond the floats. With
subnormal terms nothing is special.
Source: Demmel & Nguyen, Parallel reproducible summation, IEEE Trans. Computers 64 (2015);
Computer arithmetic and validity (2008), for the accumulator without rounding.
"""

import numpy as np

from dlpar.collectives.alltoall import pairwise_alltoall
from dlpar.collectives.arguments import require_vector
from dlpar.collectives.ring import ring_allgather, ring_allreduce
from dlpar.collectives.tree import tree_broadcast
from dlpar.world.constants import ANY_SOURCE, MAX

MOST_TERMS = 2**22  # over all ranks, so that 63 bits hold their sum: each has 40 and a sign
BITS = 40  # of a term, below the leading bit of the largest
LOWEST = -149  # 2**-149 is the smallest subnormal, and every float32 is a multiple of it
LIMB = 32  # bits of a limb; the other 31 of an int64 are room for 2**31 terms
LIMBS = 9  # 24 bits shifted by up to 253 end below bit 288
ODD = 255  # biased exponent of infinities and nans


def arrival_allreduce(x, comm):
    """Return the sum of every rank's `x`, on every rank: rank 0 adds what comes as it comes.

    What an asynchronous server does with gradients. All ranks get the same bits, but floats may
    have other bits on the next run.

    x : (n,) numeric array; same n and dtype on all p ranks. Not modified.
    Raises ValueError if it is none, before any message.
    Cost: (p-1) n * itemsize * beta through rank 0's link, then a `tree_broadcast`.
    """
    require_vector(x, "arrival_allreduce")
    total = x.copy()
    if comm.rank:
        comm.Send(total, dest=0)
    else:
        inbox = np.empty_like(x, order="C")
        for _ in range(comm.size - 1):
            comm.Recv(inbox, source=ANY_SOURCE)
            total += inbox
    return tree_broadcast(total, comm)


def ordered_allreduce(x, comm):
    """Return the sum of every rank's `x`, on every rank: ((x_0 + x_1) + x_2) + ...

    Every element is added up in the order of ranks, wherever it lies in the vector. So the bits do
    not depend on time, nor on n, nor on what other elements travel along (a ring's do: chunk c is
    added up from rank c + 1 on). They do depend on p.

    x : (n,) numeric array; same n and dtype on all p ranks. Not modified.
    Returns (n,) array of x's dtype. Raises ValueError if x is none, before any message.
    Cost: the ring's: 2(p-1) alpha + 2 (p-1)/p * n * itemsize * beta, as an all-to-all of chunks and
    an allgather; but chunks go to p-1 ranks, not to a neighbour, and a rank holds n elements more.
    """
    require_vector(x, "ordered_allreduce")
    terms = pairwise_alltoall(x, comm).reshape(comm.size, -1)
    total = terms[0].copy()
    for term in terms[1:]:  # np.sum would pair them up as it likes
        total += term
    return ring_allgather(total, comm, x.size)


def binned_allreduce(x, comm, allreduce=ring_allreduce):
    """Return the sum of all ranks' terms, rounded to 40 bits each: equal bits for every p.

    Parameters
    ----------
    x : (n,) float32, this rank's term; or (k, n), its k terms, where k may differ by rank, and be
        0. Same n on all ranks; at most MOST_TERMS / p terms on one. Not modified.
    comm : communicator with `rank`, `size`, `Allreduce`, and what `allreduce` needs.
    allreduce : sums (n,) int64 vectors; none of them changes a bit.

    Returns
    -------
    (n,) float32, with the same bits on all ranks, for every order of the terms and every partition
    of them among any number of ranks.

    Error: with m terms, the largest below 2^E, at most m 2^(E-41), and half a unit in the last
    place for the result's own rounding. Terms above 2^(E-17) are whole multiples of the unit
    2^(E-40), and so are added without error. A sum of floats may be off by m 2^(E-24) |sum| / 2^E.

    Raises ValueError, before any message, for another dtype or shape, or too many terms.
    Cost: an Allreduce of n bytes, to agree on the units, and `allreduce` of 8 n: 9/4 of a ring's
    bytes. Three passes over the terms.
    """
    terms = _terms(x, comm, "binned_allreduce")
    n = terms.shape[1]
    highest = np.zeros(n, np.uint8)
    if len(terms):
        highest = _biased(terms).max(axis=0)
    comm.Allreduce(highest.copy(), highest, op=MAX)
    # |term| < 2^(biased - 126), so that in this unit it is below 2^40
    unit = np.maximum(highest.astype(np.int32) - 126 - BITS, LOWEST)
    odd = highest == ODD
    total = np.zeros(n, np.int64)
    for term in terms:
        with np.errstate(invalid="ignore"):  # nan, which is not looked at
            whole = np.rint(np.ldexp(term.astype(np.float64), -unit)).astype(np.int64)
        total += np.where(odd, _marks(term), whole)
    total = allreduce(total, comm)
    with np.errstate(over="ignore"):
        out = np.ldexp(total.astype(np.float32), unit)
    return np.where(odd, _unmarked(total), out)


def exact_allreduce(x, comm, allreduce=ring_allreduce):
    """Return the float32 nearest to the sum of all ranks' terms: nothing is lost on the way.

    Parameters
    ----------
    x : (n,) float32, this rank's term; or (k, n), its k terms, where k may differ by rank, and be
        0. Same n on all ranks; at most MOST_TERMS / p terms on one. Not modified.
    comm : communicator with `rank`, `size`, `Allreduce`, and what `allreduce` needs.
    allreduce : sums (m,) int64 vectors; none of them changes a bit.

    Returns
    -------
    (n,) float32, with the same bits on all ranks, for every order of the terms and every partition
    of them among any number of ranks. Ties go to the even one.

    Raises ValueError, before any message, for another dtype or shape, or too many terms.
    Cost: an Allreduce of 24 bytes, to agree on the limbs in use, and `allreduce` of 8 n bytes for
    each of them: limbs of 32 bits from the last bit of the smallest term to the first of the
    largest, 9 at most, and one more where there are infinities. Gradients need 2 to 4 of them: 4 to
    8 times a ring's bytes.
    """
    terms = _terms(x, comm, "exact_allreduce")
    limbs = np.zeros((LIMBS + 1, terms.shape[1]), np.int64)  # the last has the infinities' marks
    for term in terms:
        _add_exactly(limbs, term)
    used = np.flatnonzero(limbs[:LIMBS].any(axis=1))
    bottom, top = (used[0], used[-1]) if used.size else (LIMBS - 1, 0)
    span = np.array([-bottom, top, limbs[LIMBS].any()], np.int64)
    comm.Allreduce(span.copy(), span, op=MAX)
    bottom, top, odd = -int(span[0]), int(span[1]), bool(span[2])
    if bottom > top:  # zeros only, and no infinities, or nothing else
        bottom, top = 0, 0
    rows = [*range(bottom, top + 1), *([LIMBS] if odd else [])]
    total = allreduce(limbs[rows].ravel(), comm).reshape(len(rows), -1)
    out = _rounded(total[: top + 1 - bottom], LIMB * bottom + LOWEST)
    return np.where(total[-1] == 0, out, _unmarked(total[-1])) if odd else out


def _terms(x, comm, caller):
    """Return x as (k, n) terms, or raise ValueError."""
    if not isinstance(x, np.ndarray) or x.dtype != np.float32 or x.ndim not in (1, 2):
        got = f"{x.dtype} {x.shape}" if isinstance(x, np.ndarray) else type(x).__name__
        raise ValueError(f"{caller} needs x of shape (n,) or (k, n), float32, got {got}")
    terms = np.atleast_2d(x)
    if len(terms) > MOST_TERMS // comm.size:
        raise ValueError(f"{caller} adds at most {MOST_TERMS} terms over all ranks")
    return terms


def _biased(x):
    """Return the exponents of float32 `x` as they are stored: |x| < 2^(biased - 126)."""
    return (np.ascontiguousarray(x).view(np.uint32) >> 23 & 0xFF).astype(np.uint8)


def _marks(x):
    """Return an int64 whose sum tells what infinities and nans there were: three counters."""
    return np.isposinf(x) * 1 + np.isneginf(x) * 2**23 + np.isnan(x) * 2**46


def _unmarked(total):
    """Return the inf, -inf or nan that the counters in `total` ask for, as float32."""
    plus, minus, nans = total & 2**23 - 1, total >> 23 & 2**23 - 1, total >> 46
    infinity = np.where(plus > 0, np.float32(np.inf), np.float32(-np.inf))
    return np.where((nans > 0) | ((plus > 0) & (minus > 0)), np.float32(np.nan), infinity)


def _add_exactly(limbs, term):
    """Add `term`, (n,) float32, to the sum that each column of `limbs` holds.

    A column is sum_i limbs[i] 2^(32 i) in units of 2^-149: a whole number for every float32.
    """
    bits = np.ascontiguousarray(term).view(np.uint32).astype(np.int64)
    biased = bits >> 23 & 0xFF
    shift = np.maximum(biased, 1) - 1  # a subnormal has the exponent of the smallest normal
    mantissa = (bits & 2**23 - 1) | np.where(biased > 0, 2**23, 0)
    mantissa[biased == ODD] = 0
    limbs[LIMBS] += np.where(biased == ODD, _marks(term), 0)
    moved = mantissa << shift % LIMB  # below 2^56
    sign = 1 - 2 * (bits >> 31)
    at, columns = shift // LIMB, np.arange(term.size)
    at[biased == ODD] = 0
    limbs[at, columns] += sign * (moved & 2**LIMB - 1)
    limbs[at + 1, columns] += sign * (moved >> LIMB)


def _rounded(limbs, exponent):
    """Return the float32 nearest to sum_i limbs[i] 2^(32 i + exponent), (n,), ties to even."""
    digits = _carried(limbs)
    negative = digits[-1] < 0
    digits = _carried(np.where(negative, -digits, digits))
    # The leading 33 to 64 bits, with a 1 at their end if any bit below them is set: it then lies
    # at least 9 places behind float32's last bit, where it only says which way from a tie.
    top = len(digits) - 1 - np.argmax(digits[::-1] != 0, axis=0)
    columns = np.arange(digits.shape[1])
    high = digits[top, columns].astype(np.uint64)
    low = np.where(top > 0, digits[top - 1, columns], 0).astype(np.uint64)
    below = (digits != 0) & (np.arange(len(digits))[:, None] < top - 1)
    lead = np.where(top > 0, high << np.uint64(LIMB) | low, high) | below.any(axis=0)
    scale = (exponent + LIMB * np.maximum(top - 1, 0)).astype(np.int32)
    with np.errstate(over="ignore"):
        out = np.ldexp(lead.astype(np.float32), scale)
    return np.where(negative, -out, out)


def _carried(limbs):
    """Return the same number in one limb more, all but the last in 0 .. 2^32 - 1."""
    digits = np.zeros((len(limbs) + 1, limbs.shape[1]), np.int64)
    carry = np.zeros(limbs.shape[1], np.int64)
    for i, limb in enumerate(limbs):
        carry = carry + limb
        digits[i] = carry & 2**LIMB - 1
        carry >>= LIMB  # towards minus infinity, as & takes the rest
    digits[-1] = carry
    return digits
