"""Synchronous training on 2 real ranks beside 1: how much sooner, for networks that grow.

Perceptrons 784-h-h-10, float32, the same batch of 512 for all: on 2 ranks each takes half of it.
`descend_together` trains, with one BLAS thread a rank. Its exchanges are `SharedVectors`, in which
the model's gradients lie from the start, and `ring_allreduce`, by messages. 1 rank exchanges
nothing. All take turns, block by block. A time is that of one update, from the end of the last one,
on the rank that was last.

Efficiency is speedup / ranks. The update of the weights is done by each rank alike, and the sum has
to pass through memory: both cost in proportion to the parameters, as the gradient of an example
does. So the curve rises with h as long as latency counts, and then stays where the batch puts it.

Run with: python benchmarks/data_parallel.py
"""

import os
import time

import numpy as np

from dlpar import run
from dlpar.rulers import wall_of

HIDDEN = (16, 64, 256, 512, 1024, 2048)
BATCH, RATE, BAR = 512, 0.01, 1.6
ALONE, SHARED, RING = "1 rank", "2 ranks, SharedVectors", "2 ranks, ring"
BLOCKS, BLOCK_SECONDS = 4, 0.3
LIMIT = 60  # s for one block, on a machine however busy


def train(comm, h, updates, kind):
    """Return when each update was done, s; this rank's share of the losses; whether ranks agree."""
    from dlpar.collectives import SharedVectors, ring_allreduce
    from dlpar.data_parallel import descend_together, replicas_agree
    from dlpar.nn import mlp

    rng = np.random.default_rng(0)
    x, y = rng.random((BATCH, 784), np.float32), rng.integers(0, 10, BATCH)
    model = mlp((784, h, h, 10), rng)
    exchange = {ALONE: lambda grads, comm: grads, RING: ring_allreduce}.get(kind)
    if kind == SHARED:
        shared = SharedVectors(comm, model.grads.size, np.float32)
        model.live_in(model.params, shared.mine)

        def exchange(grads, comm):
            return shared.allreduce()

    when, losses = [], []
    comm.Barrier()
    for loss in descend_together(model, x, y, BATCH, updates, RATE, comm, None, exchange):
        when.append(time.perf_counter())
        losses.append(loss)
    return np.array(when), np.array(losses), replicas_agree(model.params, comm)


def block(h, updates, kind):
    """Return seconds an update, (updates,), and the losses, (1 + updates,); one is warm-up."""
    results = run(train, 1 if kind == ALONE else 2, (h, 1 + updates, kind), timeout=LIMIT).results
    if not all(agree for _, _, agree in results):
        raise ArithmeticError(f"h = {h}, {kind}: the replicas differ")
    when = np.max([when for when, _, _ in results], axis=0)  # one host, one clock
    return np.diff(when), np.sum([losses for _, losses, _ in results], axis=0)


def compare(h):
    """Return {kind: seconds of each update} for networks with `h` hidden units a layer."""
    first, _ = block(h, 3, ALONE)
    updates = int(np.clip(BLOCK_SECONDS / np.median(first), 3, 60))
    times = {ALONE: [], SHARED: [], RING: []}
    for _ in range(BLOCKS):
        losses = {}
        for kind, seconds in times.items():
            some, losses[kind] = block(h, updates, kind)
            seconds.extend(some)
        for kind in (SHARED, RING):
            if not np.allclose(losses[kind][:10], losses[ALONE][:10], rtol=1e-3):  # sums round
                raise ArithmeticError(f"h = {h}, {kind}: not the model that 1 rank learns")
    return times


def show(h, times):
    """Print one network: times, speedups, and the efficiency of the exchange in shared memory.

    Returns the speedup with it, by medians. The one by the quickest tenth of the updates is shown,
    too: on a machine with other work to do, it is nearer to what this work alone would take.
    """
    d = 784 * h + h + h * h + h + 10 * h + 10
    cells = []
    for wall in map(wall_of, times.values()):
        cell = f"{wall.median * 1e3:,.2f} ({wall.q1 * 1e3:,.2f} to {wall.q3 * 1e3:,.2f})"
        cells.append(f"{cell:>25}")
    by_ring = speedup(times, RING, 50)
    by_memory, quick = (speedup(times, SHARED, percent) for percent in (50, 10))
    print(f"{h:5} {d:10,} {' '.join(cells)} {by_ring:6.2f} {by_memory:6.2f} {quick:6.2f}", end=" ")
    print(f"{by_memory / 2:9.0%} {'#' * round(20 * by_memory / 2)}", flush=True)
    return by_memory


def speedup(times, kind, percent):
    alone, together = (np.percentile(times[k], percent) for k in (ALONE, kind))
    return alone / together


def main():
    print(
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; ms an update, medians (quartiles)"
    )
    heads = " ".join(f"{kind:>25}" for kind in (ALONE, SHARED, RING))
    print(f"{'h':>5} {'parameters':>10} {heads} {'ring':>6} {'shared':>6} {'quick':>6} efficiency")
    start = time.monotonic()
    speedups = {h: show(h, compare(h)) for h in HIDDEN}
    enough = [h for h in HIDDEN if speedups[h] >= BAR]
    best = max(speedups, key=speedups.get)
    print(f"load {os.getloadavg()[0]:.1f} at the end, after {time.monotonic() - start:.0f} s")
    print(f"{'met' if enough else 'NOT MET':8}at least {BAR} on 2 ranks: ", end="")
    print(f"at h = {', '.join(map(str, enough)) or 'none'}; ", end="")
    print(f"most, {speedups[best]:.2f}, at h = {best}")


if __name__ == "__main__":
    main()
