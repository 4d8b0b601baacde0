"""Project Adam: vectors on the wire instead of matrices, updates without locks, no last worker.

Source: Chilimbi, Suzue, Apacible & Kalyanaraman, OSDI 2014, sections 3.2, 3.4 and 4.
"""

import math
from threading import Barrier, Thread

import numpy as np
from numba import njit

from dlpar.world import ANY_SOURCE, Status, work

ACTIVATIONS, ERRORS, EPOCH_DONE, STOP = range(1, 5)  # tags


# A dense layer has weights (m, n); k images give the gradient x.T @ dy, with x (k, m), dy (k, n).


def delta_bytes(m, n, itemsize=4):
    """Return the bytes of the gradient itself, m * n elements, however many images made it."""
    return m * n * itemsize


def vector_bytes(m, n, k, itemsize=4):
    """Return the bytes of the activations and the errors of k images: k (m + n) elements."""
    return k * (m + n) * itemsize


def crossover_images(m, n):
    """Return the k, m n / (m + n), at which both are as many bytes; below it vectors are fewer."""
    return m * n / (m + n)


def send_vectors(x, dy, comm):
    """Send rank 0 a dense layer's activations x (k, m) and errors dy (k, n)."""
    comm.Send(np.ascontiguousarray(x), dest=0, tag=ACTIVATIONS)
    comm.Send(np.ascontiguousarray(dy), dest=0, tag=ERRORS)


def receive_products(k, m, n, comm, dtype):
    """Return the sum over all other ranks of x.T @ dy, (m, n): the server does their arithmetic.

    2 k m n operations a worker, which the workers have saved: servers become the bottleneck.
    """
    total = np.zeros((m, n), dtype)
    x, dy = np.empty((k, m), dtype), np.empty((k, n), dtype)
    for worker in range(1, comm.size):
        comm.Recv(x, source=worker, tag=ACTIVATIONS)
        comm.Recv(dy, source=worker, tag=ERRORS)
        total += x.T @ dy
    return total


def epoch_until(share, steps, seconds, comm):
    """End an epoch for everybody when a `share` of the workers have done their `steps`.

    Rank 0 waits for ceil(share * workers) of the others and then stops the rest, which look for its
    word after each step.  seconds : function of the worker's rank -> s of a step in simulation.
    Returns how many steps this rank did (rank 0: none).

    Source: section 3.2 of the paper, which ends epochs at 75 %.
    """
    workers = range(1, comm.size)
    if not 0 < share <= 1:
        raise ValueError(f"share must lie in (0, 1], got {share!r}")
    if comm.rank == 0:
        status = Status()
        for _ in range(math.ceil(share * len(workers))):
            comm.Recv(bytearray(0), source=ANY_SOURCE, tag=EPOCH_DONE, status=status)
        for worker in workers:
            comm.Send(b"", dest=worker, tag=STOP)
        for _ in range(len(workers) - math.ceil(share * len(workers))):
            comm.Recv(bytearray(0), source=ANY_SOURCE, tag=EPOCH_DONE)
        return 0
    done = 0
    while done < steps and not comm.Iprobe(source=0, tag=STOP):
        work(comm, seconds=seconds(comm.rank))
        done += 1
    comm.Send(b"", dest=0, tag=EPOCH_DONE)
    comm.Recv(bytearray(0), source=0, tag=STOP)
    return done


@njit(nogil=True)
def _add_ones(shared, order):
    """Add 1 to the entries named in `order`: a load, an addition and a store, each for itself."""
    for i in order:
        shared[i] += 1.0


def lost_updates(threads, adds, entries, rng):
    """Let `threads` threads add to one array without a lock; return how many additions were lost.

    Each adds 1 to `adds` random ones of `entries` entries. Where two load the same value before
    either stores, one addition is lost; so the answer differs from run to run, and is 0 with one.
    """
    shared = np.zeros(entries)
    orders = [rng.integers(entries, size=adds) for _ in range(threads)]
    _add_ones(shared, orders[0][:0])  # compiled before the clock of the race starts
    together = Barrier(threads, timeout=60)

    def race(order):
        together.wait()
        _add_ones(shared, order)

    racers = [Thread(target=race, args=(order,)) for order in orders]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    return threads * adds - int(shared.sum())
