"""Recursive doubling has the fewest steps, each with the whole vector."""

CAUGHT = r"p=3, .*it chose recursive_doubling, which takes .*; ring takes"


def choose(nbytes, p, alpha, beta):
    return "recursive_doubling"
