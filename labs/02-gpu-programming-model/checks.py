"""The checks of lab 2. Kernels run on the lock-step machine: results to NumPy, counts to par."""

import numpy as np

from dlpar.gpu.lockstep import cuda
from dlpar.labs import CheckFailure, Task, same
from dlpar.labs.kernels import launch
from dlpar.rulers import rulers

BINS = 64
WARP, SECTOR = 32, 8  # threads; 4-byte elements in 32 bytes


def blocks_for(n, block):
    return max(1, -(-n // block))


def warps_at_work(n, block):
    """Return how many warps of `block` threads have one of n elements to look after."""
    full, rest = divmod(n, block)
    return full * -(-block // WARP) + -(-rest // WARP)


def empty(shape):
    """Return a float32 array whose elements nobody has written."""
    return np.full(shape, np.nan, np.float32)


def whole_numbers(rng, shape):
    """Return float32 whole numbers, whose sums are exact in any order."""
    return rng.integers(-99, 100, shape).astype(np.float32)


def unchanged(name, now, before):
    if not np.array_equal(now, before):
        raise CheckFailure(f"{name} was changed: it is there to be read")


def at_most(counted, **pars):
    """Hold counters to their pars; names have underscores for spaces."""
    for name, par in pars.items():
        if counted[name] > par:
            said = name.replace("_", " ")
            raise CheckFailure(f"{counted[name]} {said}, par is {par}")


def table(counted, *names):
    return rulers(counted={name.replace("_", " "): counted[name] for name in names})


# 1: leaky


def leaky(launches):
    def check(function, rng):
        for n, block, spare in launches(rng):
            blocks = blocks_for(n, block) + spare
            yield f"n={n}, grid={blocks}, block={block}"
            x, out = whole_numbers(rng, n), empty(n)
            x[: n // 8] = 0
            before, want = x.copy(), np.where(x > 0, x, x / 8)
            counted = function(blocks, block, x, out)
            same(out, want, "out: your kernel")
            unchanged("x", x, before)
            par = warps_at_work(n, block)
            at_most(counted, global_load_requests=par, global_store_requests=par, atomic_requests=0)

    return check


def leaky_public(rng):
    return [(64, 32, 0), (1, 32, 0), (100, 64, 0), (1000, 128, 3), (333, 48, 1), (0, 32, 0)]


def leaky_held_out(rng):
    return [(int(rng.integers(5, 3000)), int(b), int(rng.integers(3))) for b in (32, 96, 256)]


def leaky_shown(function):
    x = np.arange(-500, 500, dtype=np.float32)
    counted = function(8, 128, x, empty(1000))
    return table(counted, "global_load_requests", "global_store_requests", "global_load_sectors")


# 2: relax


@cuda.jit
def by_rows(x, out):
    """The pattern whose sectors are the par: a warp's lanes lie beside each other in a row."""
    j, i = cuda.grid(2)
    h, w = x.shape
    if i < h and j < w:
        if i > 0 and i < h - 1 and j > 0 and j < w - 1:
            out[i, j] = (x[i - 1, j] + x[i + 1, j] + x[i, j - 1] + x[i, j + 1]) / 4
        else:
            out[i, j] = x[i, j]


def relaxed(x):
    want = x.copy()
    if min(x.shape) > 2:
        want[1:-1, 1:-1] = (x[:-2, 1:-1] + x[2:, 1:-1] + x[1:-1, :-2] + x[1:-1, 2:]) / 4
    return want


def relax(launches):
    def check(function, rng):
        for (h, w), block in launches(rng):
            yield f"shape=({h}, {w}), block={block}"
            x, out = whole_numbers(rng, (h, w)), empty((h, w))
            before = x.copy()
            grid = blocks_for(w, block[0]), blocks_for(h, block[1])
            counted = function(grid, block, x, out)
            same(out, relaxed(before), "out: your kernel")
            unchanged("x", x, before)
            par = launch(by_rows, grid, block, x, out)
            names = "global_load_requests", "global_load_sectors", "global_store_sectors"
            at_most(counted, atomic_requests=0, **{name: par[name] for name in names})

    return check


def relax_public(rng):
    return [
        ((33, 33), (32, 4)), ((5, 7), (4, 4)), ((20, 70), (32, 8)), ((70, 20), (16, 16)),
        ((1, 9), (8, 2)), ((9, 1), (8, 2)), ((2, 2), (8, 8)), ((3, 3), (32, 1)),
    ]  # fmt: skip


def relax_held_out(rng):
    shapes = [tuple(int(n) for n in rng.integers(3, 60, 2)) for _ in range(3)]
    return list(zip(shapes, [(32, 4), (16, 8), (64, 2)], strict=True))


def relax_shown(function):
    x, out = np.zeros((64, 64), np.float32), empty((64, 64))
    counted = function((2, 16), (32, 4), x, out)
    return table(counted, "global_load_requests", "global_load_sectors", "global_store_sectors")


# 3: block_sum


def block_sum(launches):
    def check(function, rng):
        for n, block in launches(rng):
            blocks = blocks_for(n, block)
            yield f"n={n}, grid={blocks}, block={block}"
            x, partial = whole_numbers(rng, n), empty(blocks)
            before, padded = x.copy(), np.zeros(blocks * block, np.float32)
            padded[:n] = x
            counted = function(blocks, block, x, partial)
            same(partial, padded.reshape(blocks, block).sum(axis=1), "partial: your kernel")
            unchanged("x", x, before)
            at_most(
                counted,
                barriers=block.bit_length(),
                bank_conflicts=0,
                global_load_requests=warps_at_work(n, block),
                global_store_requests=blocks,
                atomic_requests=0,
                shared_requests=summed(blocks, block),
            )

    return check


def summed(blocks, block):
    """Return the shared requests of a tree in which only warps with work add, and a few to spare.

    Each warp writes once. A step with s sums takes two reads and a write of ceil(s / 32) warps.
    """
    steps = [block >> k for k in range(1, block.bit_length())]
    tree = sum(3 * -(-s // WARP) for s in steps)
    return blocks * (-(-block // WARP) + tree + 1)


def block_sum_public(rng):
    return [(256, 64), (32, 32), (100, 128), (1000, 256), (1, 16), (513, 512), (0, 32)]


def block_sum_held_out(rng):
    return [(int(rng.integers(1, 2000)), block) for block in (32, 128, 256, 512)]


def block_sum_shown(function):
    counted = function(4, 256, np.ones(1000, np.float32), empty(4))
    return table(counted, "barriers", "shared_requests", "bank_conflicts")


# 4: exclusive_scan


def exclusive_scan(launches):
    def check(function, rng):
        for n, block in launches(rng):
            yield f"n={n}, grid=1, block={block}"
            x, out = whole_numbers(rng, n), empty(n)
            before = x.copy()
            want = np.cumsum(np.append(np.float32(0), x), dtype=np.float32)[:n]
            counted = function(1, block, x, out)
            same(out, want, "out: your kernel")
            unchanged("x", x, before)
            warps, steps = -(-block // WARP), block.bit_length() - 1
            at_most(
                counted,
                barriers=2 * steps + 2,
                atomic_requests=0,
                shared_requests=(3 * steps + 4) * warps,
                global_load_requests=warps,
                global_store_requests=warps,
            )

    return check


def exclusive_scan_public(rng):
    return [(64, 64), (32, 32), (100, 128), (256, 256), (1, 32), (257, 512), (0, 32)]


def exclusive_scan_held_out(rng):
    return [(int(rng.integers(block // 2 + 1, block)), block) for block in (32, 128, 256, 512)]


def exclusive_scan_shown(function):
    counted = function(1, 256, np.ones(200, np.float32), empty(200))
    return table(counted, "barriers", "shared_requests", "bank_conflicts")


# 5: histogram


def histogram(launches):
    def check(function, rng):
        for n, blocks, block, skewed in launches(rng):
            many = "most of them alike" if skewed else "all over the bins"
            yield f"n={n}, grid={blocks}, block={block}, {many}"
            values = rng.integers(0, BINS, n).astype(np.int32)
            if skewed:
                values[: n - n // 8] = 5
            rng.shuffle(values)
            counts = rng.integers(0, 9, BINS).astype(np.int32)
            before, want = values.copy(), counts + np.bincount(values, minlength=BINS)
            counted = function(blocks, block, values, counts)
            same(counts, want.astype(np.int32), "counts: your kernel")
            unchanged("values", values, before)
            loads = sum(-(-part // WARP) for part in turns(n, blocks, block))
            at_most(
                counted,
                atomic_sectors=blocks * BINS // SECTOR,
                barriers=2,
                global_load_requests=loads,
                global_store_requests=0,
                atomic_requests=loads + blocks * BINS // WARP,
            )

    return check


def turns(n, blocks, block):
    """Yield how many elements each block takes in each turn of a grid-stride loop."""
    for first in range(0, n, block):
        yield min(block, n - first)


def histogram_public(rng):
    return [
        (1000, 2, 128, False), (64, 1, 64, False), (500, 3, 32, False), (777, 2, 256, True),
        (1, 1, 32, False), (0, 2, 64, False), (300, 8, 128, False),
    ]  # fmt: skip


def histogram_held_out(rng):
    sizes = [int(n) for n in rng.integers(100, 3000, 3)]
    return [(n, b, t, s) for n, (b, t, s) in zip(sizes, HELD_OUT_GRIDS, strict=True)]


HELD_OUT_GRIDS = [(3, 64, False), (2, 32, True), (5, 128, False)]


def histogram_shown(function):
    values = np.arange(4096, dtype=np.int32) % BINS
    counted = function(4, 128, values, np.zeros(BINS, np.int32))
    return table(counted, "atomic_requests", "atomic_sectors", "atomic_replays", "barriers")


TASKS = (
    Task("leaky", leaky(leaky_public), leaky(leaky_held_out), points=1, kernel=True,
         par="one load and one store for each warp with work", show=leaky_shown),
    Task("relax", relax(relax_public), relax(relax_held_out), points=2, kernel=True,
         par="the requests and sectors of warps that lie along rows", show=relax_shown),
    Task("block_sum", block_sum(block_sum_public), block_sum(block_sum_held_out), points=3,
         kernel=True, show=block_sum_shown,
         par="log2(block) + 1 barriers, no bank conflict, only warps with work at work"),
    Task("exclusive_scan", exclusive_scan(exclusive_scan_public), points=3, kernel=True,
         held_out=exclusive_scan(exclusive_scan_held_out), show=exclusive_scan_shown,
         par="2 log2(block) + 2 barriers, 3 log2(block) + 4 shared requests a warp"),
    Task("histogram", histogram(histogram_public), histogram(histogram_held_out), points=3,
         kernel=True, show=histogram_shown,
         par="2 barriers, and each block touches the 8 sectors of `counts` once"),
)  # fmt: skip
