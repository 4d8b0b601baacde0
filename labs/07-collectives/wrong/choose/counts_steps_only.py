"""Leaves beta out: whatever has the fewest steps seems best for long vectors, too."""

CAUGHT = r"p=3, .*it chose recursive_doubling, which takes .*; ring takes"


def choose(nbytes, p, alpha, beta):
    beta = 0
    q = 1 << (p.bit_length() - 1)
    steps = q.bit_length() - 1
    fold = 2 * (alpha + nbytes * beta) if q < p else 0
    seconds = {
        "recursive_doubling": steps * (alpha + nbytes * beta) + fold,
        "halving_doubling": 2 * (steps * alpha + (q - 1) / q * nbytes * beta) + fold,
        "ring": 2 * (p - 1) * (alpha + nbytes / p * beta),
    }
    return min(seconds, key=seconds.get)
