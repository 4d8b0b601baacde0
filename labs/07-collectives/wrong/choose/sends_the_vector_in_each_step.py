"""Forgets that the halves get smaller: lg p vectors there and back."""

CAUGHT = r"p=8, .*it chose recursive_doubling, which takes .*; halving_doubling takes"


def choose(nbytes, p, alpha, beta):
    q = 1 << (p.bit_length() - 1)
    steps = q.bit_length() - 1
    fold = 2 * (alpha + nbytes * beta) if q < p else 0
    seconds = {
        "recursive_doubling": steps * (alpha + nbytes * beta) + fold,
        "halving_doubling": 2 * (steps * alpha + steps * nbytes * beta) + fold,
        "ring": 2 * (p - 1) * (alpha + nbytes / p * beta),
    }
    return min(seconds, key=seconds.get)
