"""Reads x[i] again for the value that it has just looked at."""

from dlpar.gpu import cuda

CAUGHT = r"n=64, grid=2, block=32: 6 global load requests, par is 2"


@cuda.jit
def leaky(x, out):
    i = cuda.grid(1)
    if i < x.size:
        out[i] = x[i] if x[i] > 0 else x[i] / 8
