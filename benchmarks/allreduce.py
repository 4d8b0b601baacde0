"""The sum of every rank's vector, on 2 and 4 real processes: ours beside MPI's and Gloo's.

Contenders take turns, round by round, in the same processes, so that noise hits all alike. A turn
is a call that is not timed and `TIMED` that are, each with vectors just written, as gradients are,
from the moment when the last rank has come until the last has its sum. MPI, Gloo and the pipelined
ring sum in place; shared vectors lie in shared memory already; the ring returns a new vector.

The floor is the time in which this machine's copy moves (p+1) n bytes: p vectors read, one written.
Its speed is measured here, with all ranks copying vectors of the largest size at once; a copy of
n bytes moves 2n. Vectors of some MB stay in the caches, where times below the floor are no mistake.

Run with: python benchmarks/allreduce.py    (Gloo needs PyTorch: pip install -e '.[peers]')
"""

import importlib.util
import os
import tempfile
import time

import numpy as np

from dlpar import run
from dlpar.rulers import nbytes, wall_of

RANKS = (2, 4)
ROUNDS = {4_000: 60, 1_000_000: 25, 4_000_000: 15, 16_000_000: 9, 64_000_000: 5}  # bytes: rounds
LARGE = tuple(size for size in ROUNDS if size >= 1_000_000)
TIMED = 3
SECONDS = 12  # after which no new round begins at a size, but for the second
LIMIT = 240  # s for each number of ranks, on a machine however busy
MPI, GLOO, SHARED, PIPELINED, RING, COPY = (
    "MPI.Allreduce", "Gloo", "SharedVectors", "pipelined_ring", "ring", "copy",
)  # fmt: skip


def contenders(comm, n, with_gloo):
    """Return {name: (this rank's vector, function that sums all ranks' and returns the sum)}."""
    from dlpar.collectives import SharedVectors, pipelined_ring_allreduce, ring_allreduce
    from dlpar.world import IN_PLACE

    shared = SharedVectors(comm, n, np.float32)
    x, target = np.ones(n, np.float32), np.empty(n, np.float32)

    def by_mpi():
        comm.Allreduce(IN_PLACE, x)
        return x

    def copy():
        np.copyto(target, x)

    calls = {
        MPI: (x, by_mpi),
        SHARED: (shared.mine, shared.allreduce),
        PIPELINED: (x, lambda: pipelined_ring_allreduce(x, comm, out=x)),
        RING: (x, lambda: ring_allreduce(x, comm)),
        COPY: (x, copy),
    }
    if with_gloo:
        import torch

        tensor = torch.from_numpy(x)

        def by_gloo():
            torch.distributed.all_reduce(tensor)
            return x

        calls[GLOO] = x, by_gloo
    return calls


def measure(comm, folder):
    """Return {size: {name: (calls, 2) array, when this rank came and when it had the sum, s}}.

    folder : where Gloo's processes find each other; None to leave Gloo out.
    """
    if folder is not None:
        start_gloo(comm, folder)
    times = {}
    for size, rounds in ROUNDS.items():
        calls = contenders(comm, size // 4, folder is not None)
        rows = {name: [] for name in calls}
        start = time.monotonic()
        for done in range(rounds):
            if done > 1 and all_agree(comm, time.monotonic() > start + SECONDS):
                break
            for name, (vector, call) in calls.items():
                rows[name] += [timed(comm, vector, call) for _ in range(1 + TIMED)][1:]
        times[size] = {name: np.array(row) for name, row in rows.items()}
    if folder is not None:
        import torch

        torch.distributed.destroy_process_group()
    return times


def all_agree(comm, late):
    """Return what rank 0 says."""
    word = np.array([late])
    comm.Bcast(word)
    return word[0]


def timed(comm, vector, call):
    """Return when this rank came to `call` and when it had the sum, s; check the sum."""
    vector[:] = comm.rank + 1
    comm.Barrier()
    came = time.perf_counter()
    total = call()
    done = time.perf_counter()
    if total is not None and not (total == comm.size * (comm.size + 1) // 2).all():
        raise ArithmeticError("a sum is wrong")
    comm.Barrier()
    return came, done


def start_gloo(comm, folder):
    from datetime import timedelta

    import torch

    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo",
        init_method=f"file://{folder}/{comm.size}",
        rank=comm.rank,
        world_size=comm.size,
        timeout=timedelta(seconds=LIMIT),
    )


def compare(p, folder):
    """Return {size: {name: Wall}} on p ranks."""
    results = run(measure, p, (folder,), timeout=LIMIT).results
    walls = {}
    for size in ROUNDS:
        walls[size] = {}
        for name in results[0][size]:
            came, done = np.max([result[size][name] for result in results], axis=0).T
            walls[size][name] = wall_of(done - came)  # one host, one clock
    return walls


def floors(p, walls):
    """Return {size: s in which a copy moves (p+1) size bytes}, and the copy's speed, B/s."""
    speed = p * 2 * LARGE[-1] / walls[LARGE[-1]][COPY].median
    return {size: (p + 1) * size / speed for size in ROUNDS}, speed


def show(p, walls):
    """Print the medians and quartiles; ratios to MPI's time and to the floor."""
    floor, speed = floors(p, walls)
    print(f"\n{p} ranks, {next(iter(walls[4_000].values())).cores} cores, float32; ", end="")
    print(f"copy {speed / 1e9:.1f} GB/s, all ranks at once")
    print(f"{'':9} {'':15} {'median (quartiles), us':>32} {'MPI / it':>9} {'it / floor':>10}")
    for size, row in walls.items():
        for name, wall in row.items():
            q1, middle, q3 = (t * 1e6 for t in (wall.q1, wall.median, wall.q3))
            times = f"{middle:,.0f} ({q1:,.0f} to {q3:,.0f})"
            ratio = row[MPI].median / wall.median
            print(f"{nbytes(size):>9} {name:15} {times:>32} {ratio:9.2f}", end=" ")
            print(f"{wall.median / floor[size]:10.2f}")


def ratios(walls, over, under, sizes=LARGE):
    """Return {(p, size): how many times as long `over` takes as `under`}."""
    return {
        (p, size): walls[p][size][over].median / walls[p][size][under].median
        for p in RANKS
        for size in sizes
    }


def at_least(what, found, bar):
    """Print whether the least of {(p, size): ratio} is `bar` or more, and where it is."""
    (p, size), value = min(found.items(), key=lambda item: item[1])
    verdict(what, value, value >= bar, f"at least {bar}", f"{p} ranks, {nbytes(size)}")


def at_most(what, found, bar):
    """Print whether the largest of {(p, size): ratio} is `bar` or less, and where it is."""
    (p, size), value = max(found.items(), key=lambda item: item[1])
    verdict(what, value, value <= bar, f"at most {bar}", f"{p} ranks, {nbytes(size)}")


def verdict(what, value, holds, bar, where):
    print(f"{'met' if holds else 'NOT MET':8}{what}: {value:.2f}, {bar} wanted ({where})")


def judge(walls, gloo):
    """Print each claim, what was measured, and whether it holds."""
    print()
    for peer, bar in [(MPI, 5.0), *([(GLOO, 10.0)] if gloo else [])]:
        faster = ratios(walls, peer, SHARED)
        mean = np.exp(np.mean(np.log([*faster.values()])))
        told = f"{SHARED} faster than {peer}"
        verdict(told, mean, mean >= bar, f"at least {bar}", "geometric mean from 1 MB up")
        at_least(told, faster, 2.5)
    over_floor = {
        (p, size): walls[p][size][SHARED].median / floors(p, walls[p])[0][size]
        for p, size in faster
    }
    at_most(f"{SHARED}, time over the floor", over_floor, 1.3)
    at_least(f"{PIPELINED} faster than {MPI}", ratios(walls, MPI, PIPELINED, LARGE[1:]), 1.5)
    at_most(f"{PIPELINED}, time over {MPI}", ratios(walls, PIPELINED, MPI, [4_000]), 2.0)


def main():
    gloo = importlib.util.find_spec("torch") is not None
    if not gloo:
        print("PyTorch is missing, so Gloo is left out: pip install -e '.[peers]'")
    with tempfile.TemporaryDirectory() as folder:
        walls = {p: compare(p, folder if gloo else None) for p in RANKS}
    for p in RANKS:
        show(p, walls[p])
    judge(walls, gloo)


if __name__ == "__main__":
    main()
