"""Jacobi iterations for Laplace's equation on a 2-D grid of ranks, halos exchanged each step."""

import numpy as np
from mpi4py import MPI

ROWS, COLS, STEPS = 13, 10, 8  # interior points; neither is a multiple of the ranks' grid


def share(n, parts, which):
    """Return (first, count) of a part of n points."""
    first = which * n // parts
    return first, (which + 1) * n // parts - first


def initial(rows, cols):
    return np.sin(np.arange((rows + 2) * (cols + 2))).reshape(rows + 2, cols + 2)


def program(comm):
    dims = {1: [1, 1], 2: [2, 1], 3: [1, 3], 4: [2, 2], 6: [3, 2]}[comm.Get_size()]
    cart = comm.Create_cart(dims, periods=[False, False])
    i, j = cart.Get_coords(cart.Get_rank())
    (top, rows), (left, cols) = share(ROWS, dims[0], i), share(COLS, dims[1], j)
    u = initial(ROWS, COLS)[top : top + rows + 2, left : left + cols + 2].copy()
    north, south = cart.Shift(0, 1)
    west, east = cart.Shift(1, 1)
    column = np.empty(rows)
    for _ in range(STEPS):
        cart.Sendrecv(u[1, :], dest=north, recvbuf=u[-1, :], source=south)
        cart.Sendrecv(u[-2, :], dest=south, recvbuf=u[0, :], source=north)
        for give, take, dest, source in ((1, -1, west, east), (-2, 0, east, west)):
            cart.Sendrecv(u[:, give][1:-1].copy(), dest=dest, recvbuf=column, source=source)
            if source != MPI.PROC_NULL:
                u[1:-1, take] = column
        u[1:-1, 1:-1] = (u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:]) / 4
    residual = np.array(np.abs(u[1:-1, 1:-1]).max())
    comm.Allreduce(MPI.IN_PLACE, residual, op=MPI.MAX)
    parts = comm.Get_size()
    counts = np.array(
        [
            share(ROWS, dims[0], r // dims[1])[1] * share(COLS, dims[1], r % dims[1])[1]
            for r in range(parts)
        ]
    )
    whole = np.empty(ROWS * COLS) if comm.Get_rank() == 0 else None
    comm.Gatherv(u[1:-1, 1:-1].copy(), [whole, counts, None, MPI.DOUBLE], root=0)
    cart.Free()
    if comm.Get_rank() != 0:
        return float(residual)
    field = np.empty((ROWS, COLS))
    for r, block in enumerate(np.split(whole, np.cumsum(counts)[:-1])):
        (top, rows), (left, cols) = (
            share(ROWS, dims[0], r // dims[1]),
            share(COLS, dims[1], r % dims[1]),
        )
        field[top : top + rows, left : left + cols] = block.reshape(rows, cols)
    return field, float(residual)


def check(results):
    u = initial(ROWS, COLS)
    for _ in range(STEPS):
        u[1:-1, 1:-1] = (u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:]) / 4
    field, residual = results[0]
    np.testing.assert_array_equal(field, u[1:-1, 1:-1])  # the same operations, point by point
    assert all(r == residual == np.abs(u[1:-1, 1:-1]).max() for r in results[1:])
