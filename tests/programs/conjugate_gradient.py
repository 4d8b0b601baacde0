"""Conjugate gradients for a symmetric positive definite system whose rows are shared out."""

import numpy as np
from mpi4py import MPI

N = 24  # a multiple of 1, 2, 3, 4 and 6 ranks


def system():
    rng = np.random.default_rng(5)
    m = rng.normal(size=(N, N))
    return m @ m.T + N * np.eye(N), rng.normal(size=N)


def program(comm):
    rank, size = comm.Get_rank(), comm.Get_size()
    n = N // size
    local, b = np.empty((n, N)), np.empty(n)
    whole, right = system() if rank == 0 else (None, None)
    comm.Scatter(whole, local, root=0)
    comm.Scatter(right, b, root=0)

    def dot(x, y):
        total = np.empty(1)
        comm.Allreduce(np.array([x @ y]), total, op=MPI.SUM)
        return total[0]

    x, r = np.zeros(n), b.copy()
    p, everywhere = r.copy(), np.empty(N)
    rho, iterations = dot(r, r), 0
    while rho > 1e-20 and iterations < 2 * N:
        comm.Allgather([p, MPI.DOUBLE], [everywhere, MPI.DOUBLE])
        q = local @ everywhere
        alpha = rho / dot(p, q)
        x += alpha * p
        r -= alpha * q
        rho, before = dot(r, r), rho
        p = r + (rho / before) * p
        iterations += 1
    solution = np.empty(N)
    comm.Allgather(x, solution)
    return solution, iterations


def check(results):
    a, b = system()
    for solution, iterations in results:
        assert 0 < iterations < 2 * N
        np.testing.assert_array_equal(solution, results[0][0])
        # |r| <= 1e-10 and the smallest eigenvalue of `a` is above N.
        assert np.linalg.norm(solution - np.linalg.solve(a, b)) < 2e-10 / N
