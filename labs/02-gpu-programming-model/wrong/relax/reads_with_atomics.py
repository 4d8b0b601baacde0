"""Atomics that add 0 read the neighbours, and are counted as no loads."""

from dlpar.gpu import cuda, float32

CAUGHT = r"\d+ atomic requests, par is 0"


@cuda.jit(device=True)
def peek(x, i, j):
    return cuda.atomic.add(x, (i, j), float32(0))


@cuda.jit
def relax(x, out):
    j, i = cuda.grid(2)
    h, w = x.shape
    if i < h and j < w:
        if 0 < i < h - 1 and 0 < j < w - 1:
            out[i, j] = (peek(x, i - 1, j) + peek(x, i + 1, j)) / 4
            out[i, j] += (peek(x, i, j - 1) + peek(x, i, j + 1)) / 4
        else:
            out[i, j] = peek(x, i, j)
