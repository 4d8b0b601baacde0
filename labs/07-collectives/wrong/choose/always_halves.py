"""Halving and doubling is never slower than the ring for powers of two, and that is all."""

CAUGHT = r"p=2, .*it chose halving_doubling, which takes .*; recursive_doubling takes"


def choose(nbytes, p, alpha, beta):
    return "halving_doubling"
