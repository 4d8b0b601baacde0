"""Returns what the best one takes, not which it is."""

CAUGHT = r"it chose [\d.e-]+, which is none of"


def choose(nbytes, p, alpha, beta):
    q = 1 << (p.bit_length() - 1)
    steps = q.bit_length() - 1
    fold = 2 * (alpha + nbytes * beta) if q < p else 0
    seconds = {
        "recursive_doubling": steps * (alpha + nbytes * beta) + fold,
        "halving_doubling": 2 * (steps * alpha + (q - 1) / q * nbytes * beta) + fold,
        "ring": 2 * (p - 1) * (alpha + nbytes / p * beta),
    }
    return min(seconds.values())
