"""Takes seconds a byte for seconds a message, and the other way round."""

CAUGHT = r"p=3, .*it chose ring, which takes .*; recursive_doubling takes"


def choose(nbytes, p, beta, alpha):
    q = 1 << (p.bit_length() - 1)
    steps = q.bit_length() - 1
    fold = 2 * (alpha + nbytes * beta) if q < p else 0
    seconds = {
        "recursive_doubling": steps * (alpha + nbytes * beta) + fold,
        "halving_doubling": 2 * (steps * alpha + (q - 1) / q * nbytes * beta) + fold,
        "ring": 2 * (p - 1) * (alpha + nbytes / p * beta),
    }
    return min(seconds, key=seconds.get)
