"""Leaves alpha out: what sends the fewest bytes seems best for short vectors, too."""

CAUGHT = r"p=3, .*it chose ring, which takes .*; recursive_doubling takes"


def choose(nbytes, p, alpha, beta):
    alpha = 0
    q = 1 << (p.bit_length() - 1)
    steps = q.bit_length() - 1
    fold = 2 * (alpha + nbytes * beta) if q < p else 0
    seconds = {
        "recursive_doubling": steps * (alpha + nbytes * beta) + fold,
        "halving_doubling": 2 * (steps * alpha + (q - 1) / q * nbytes * beta) + fold,
        "ring": 2 * (p - 1) * (alpha + nbytes / p * beta),
    }
    return min(seconds, key=seconds.get)
