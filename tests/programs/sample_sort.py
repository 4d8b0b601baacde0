"""Parallel sorting by regular sampling. (Shi and Schaeffer, JPDC 1992.)"""

import numpy as np
from mpi4py import MPI


def numbers(rank):
    """Return what `rank` holds at first: of different length everywhere, on rank 1 nothing."""
    rng = np.random.default_rng(rank)
    return rng.integers(0, 1000, 0 if rank == 1 else 40 + 7 * rank)


def program(comm):
    rank, size = comm.Get_rank(), comm.Get_size()
    mine = np.sort(numbers(rank))
    samples = np.full(size, np.iinfo(np.int64).max)
    if mine.size:
        samples[:] = mine[np.arange(size) * mine.size // size]
    gathered = np.empty(size * size, np.int64) if rank == 0 else None
    comm.Gather(samples, gathered, root=0)
    pivots = np.empty(size - 1, np.int64)
    if rank == 0:
        pivots[:] = np.sort(gathered)[size // 2 + size :: size][: size - 1]
    comm.Bcast([pivots, MPI.INT64_T], root=0)
    cuts = np.searchsorted(mine, pivots, side="right")
    send_counts = np.diff(np.concatenate([[0], cuts, [mine.size]])).astype(np.int64)
    recv_counts = np.empty(size, np.int64)
    comm.Alltoall(send_counts, recv_counts)
    bucket = np.empty(recv_counts.sum(), np.int64)
    send_displs = np.cumsum(send_counts) - send_counts
    recv_displs = np.cumsum(recv_counts) - recv_counts
    comm.Alltoallv(
        [mine, send_counts, send_displs, MPI.INT64_T],
        [bucket, (recv_counts, recv_displs)],
    )
    bucket.sort()
    sizes = np.empty(size, np.int64)
    comm.Allgather(np.array([bucket.size]), sizes)
    everything = np.empty(sizes.sum(), np.int64)
    comm.Allgatherv(bucket, [everything, sizes])
    return bucket, everything


def check(results):
    expected = np.sort(np.concatenate([numbers(rank) for rank in range(len(results))]))
    np.testing.assert_array_equal(np.concatenate([bucket for bucket, _ in results]), expected)
    for _, everything in results:
        np.testing.assert_array_equal(everything, expected)
