"""Takes the largest of the three."""

CAUGHT = r"p=2, .*it chose halving_doubling, which takes .*; recursive_doubling takes"


def choose(nbytes, p, alpha, beta):
    q = 1 << (p.bit_length() - 1)
    steps = q.bit_length() - 1
    fold = 2 * (alpha + nbytes * beta) if q < p else 0
    seconds = {
        "recursive_doubling": steps * (alpha + nbytes * beta) + fold,
        "halving_doubling": 2 * (steps * alpha + (q - 1) / q * nbytes * beta) + fold,
        "ring": 2 * (p - 1) * (alpha + nbytes / p * beta),
    }
    return max(seconds, key=seconds.get)
