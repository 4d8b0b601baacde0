"""A threshold that was right on one cluster: other networks have others."""

CAUGHT = r"p=3, .*it chose recursive_doubling, which takes .*; ring takes"


def choose(nbytes, p, alpha, beta):
    return "recursive_doubling" if nbytes < 2048 else "halving_doubling"
