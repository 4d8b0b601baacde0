"""Our allreduces beside MPI's own, on two real processes, in turns, over the vector's length.

Run with: python benchmarks/allreduce.py
"""

import time

import numpy as np

from dlpar import run
from dlpar.collectives import pass_around_allreduce, ring_allreduce, root_allreduce

RANKS, ROUNDS = 2, 30
SIZES = (1_000, 100_000, 1_000_000, 10_000_000)  # bytes


def mpi_allreduce(x, comm):
    total = np.empty_like(x)
    comm.Allreduce(x, total)
    return total


PROGRAMS = (mpi_allreduce, ring_allreduce, root_allreduce, pass_around_allreduce)


def seconds(comm, nbytes):
    """Return (rounds, programs): s that each took; a barrier before each, so that all start."""
    x = np.ones(nbytes // 4, np.float32)
    times = np.empty((ROUNDS, len(PROGRAMS)))
    for row in times:
        for i, allreduce in enumerate(PROGRAMS):
            comm.Barrier()
            start = time.perf_counter()
            allreduce(x, comm)
            row[i] = time.perf_counter() - start
    return times


def main():
    """Print the table."""
    print(f"{'bytes':>12} " + " ".join(f"{f.__name__:>24}" for f in PROGRAMS))
    for nbytes in SIZES:
        times = np.median(run(seconds, RANKS, (nbytes,)).results[0], axis=0)
        cells = (f"{t * 1e6:12,.0f} us {t / times[0]:6.2f} x" for t in times)
        print(f"{nbytes:12,} " + "  ".join(f"{cell:>23}" for cell in cells))


if __name__ == "__main__":
    main()
