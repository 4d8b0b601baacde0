"""Cannon's matrix product on a square torus of ranks; ranks beyond the square take no part."""

import math

import numpy as np
from mpi4py import MPI

N = 12  # a multiple of 1 and 2


def matrices():
    rng = np.random.default_rng(3)
    return rng.integers(-9, 10, (2, N, N)).astype(float)  # exact in floats


def program(comm):
    side = math.isqrt(comm.Get_size())
    grid = comm.Split(0 if comm.Get_rank() < side * side else MPI.UNDEFINED, comm.Get_rank())
    if comm.Get_rank() >= side * side:
        return None
    cart = grid.Create_cart([side, side], periods=[True, True])
    i, j = cart.coords
    n = N // side
    a, b = (m[i * n : (i + 1) * n, j * n : (j + 1) * n].copy() for m in matrices())
    c = np.zeros((n, n))
    source, dest = cart.Shift(1, -i)
    cart.Sendrecv_replace(a, dest=dest, source=source)
    source, dest = cart.Shift(0, -j)
    cart.Sendrecv_replace(b, dest=dest, source=source)
    right, left = cart.Shift(1, -1)
    below, above = cart.Shift(0, -1)
    for _ in range(side):
        c += a @ b
        cart.Sendrecv_replace(a, dest=left, sendtag=1, source=right, recvtag=1)
        cart.Sendrecv_replace(b, dest=above, sendtag=2, source=below, recvtag=2)
    row = cart.Sub([False, True])
    trace_of_row = np.array([np.trace(c) if i == j else 0.0])
    row.Allreduce(MPI.IN_PLACE, trace_of_row, op=MPI.SUM)
    return (i, j), c, trace_of_row[0]


def check(results):
    a, b = matrices()
    product = a @ b
    side = math.isqrt(len(results))
    n = N // side
    for rank, result in enumerate(results):
        if rank >= side * side:
            assert result is None
            continue
        (i, j), c, trace = result
        assert (i, j) == divmod(rank, side)
        np.testing.assert_array_equal(c, product[i * n : (i + 1) * n, j * n : (j + 1) * n])
        assert trace == np.trace(product[i * n : (i + 1) * n, i * n : (i + 1) * n])
