"""The ring is for long vectors: short ones wait for 2(p-1) latencies."""

CAUGHT = r"p=2,.*it chose ring"


def choose(nbytes, p, alpha, beta):
    return "ring"
