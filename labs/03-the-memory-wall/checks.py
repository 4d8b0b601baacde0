"""The checks of lab 3: kernels held to NumPy and to pars in sectors, and a decision."""

import math
from fractions import Fraction

import numpy as np

from dlpar.gpu.lockstep import cuda
from dlpar.gpu.lockstep.types import float32
from dlpar.labs import CheckFailure, Task, same
from dlpar.labs.kernels import launch
from dlpar.rulers import rulers

TILE, WIDTH, ROWS = 32, 33, 8
SECTOR = 32  # bytes


def blocks_for(n, block):
    return max(1, -(-n // block))


def empty(shape):
    """Return a float32 array whose elements nobody has written."""
    return np.full(shape, np.nan, np.float32)


def whole_numbers(rng, shape):
    """Return float32 whole numbers, whose sums and products are exact in any order."""
    return rng.integers(-9, 10, shape).astype(np.float32)


def unchanged(**arrays):
    """Hold arrays that are there to be read, (now, before), to what they were."""
    for name, (now, before) in arrays.items():
        if not np.array_equal(now, before):
            raise CheckFailure(f"{name} was changed: it is there to be read")


def at_most(counted, **pars):
    """Hold counters to their pars; names have underscores for spaces."""
    for name, par in pars.items():
        if counted[name] > par:
            raise CheckFailure(f"{counted[name]} {name.replace('_', ' ')}, par is {par}")


def sectors(counted):
    """Return the sectors to and from far memory."""
    return {name: counted[name] for name in ("global_load_sectors", "global_store_sectors")}


def table(counted):
    moved = sectors(counted)
    named = {name.replace("_", " "): count for name, count in moved.items()}
    total = {"bytes": SECTOR * sum(moved.values()), "conflicts": counted["bank_conflicts"]}
    return rulers(counted=named | total)


# 1: rotate


@cuda.jit
def rotated(x, out):
    """The pattern whose sectors are the par: whole warps along rows, on both sides."""
    tile = cuda.shared.array((TILE, WIDTH), float32)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    top, left = cuda.blockIdx.y * TILE, cuda.blockIdx.x * TILE
    m, n = x.shape
    for j in range(ty, TILE, ROWS):
        if top + j < m and left + tx < n:
            tile[j, tx] = x[top + j, left + tx]
    cuda.syncthreads()
    for j in range(ty, TILE, ROWS):
        if left + j < n and top + tx < m:
            out[left + j, m - 1 - top - tx] = tile[tx, j]


def rotate(shapes):
    def check(function, rng):
        for m, n in shapes(rng):
            yield f"x of shape ({m}, {n})"
            x, out = whole_numbers(rng, (m, n)), empty((n, m))
            before, grid = x.copy(), (blocks_for(n, TILE), blocks_for(m, TILE))
            counted = function(grid, (TILE, ROWS), x, out)
            same(out, np.ascontiguousarray(np.rot90(before, -1)), "out: your kernel")
            unchanged(x=(x, before))
            at_most(counted, bank_conflicts=0, atomic_requests=0)
            at_most(counted, **sectors(launch(rotated, grid, (TILE, ROWS), x, out)))

    return check


def rotate_public(rng):
    return [(64, 64), (32, 96), (33, 70), (1, 40), (40, 1), (31, 45), (0, 5)]


def rotate_held_out(rng):
    return [tuple(int(n) for n in rng.integers(low, 130, 2)) for low in (2, 33, 65)]


def rotate_shown(function):
    return table(
        function((4, 4), (TILE, ROWS), np.zeros((128, 128), np.float32), empty((128, 128)))
    )


# 2: layer


@cuda.jit
def tiled(x, w, y):
    """The pattern whose sectors are the par: each tile once a block, rows of both along warps."""
    tile_x = cuda.shared.array((TILE, TILE), float32)
    tile_w = cuda.shared.array((TILE, WIDTH), float32)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    column, row = cuda.grid(2)
    first_w = cuda.blockIdx.x * TILE + ty
    b, n, k = y.shape[0], y.shape[1], x.shape[1]
    total = float32(0)
    for p in range(0, k, TILE):
        tile_x[ty, tx] = x[row, p + tx] if row < b and p + tx < k else float32(0)
        tile_w[ty, tx] = w[first_w, p + tx] if first_w < n and p + tx < k else float32(0)
        cuda.syncthreads()
        for q in range(TILE):
            total += tile_x[ty, q] * tile_w[tx, q]
        cuda.syncthreads()
    if row < b and column < n:
        y[row, column] = total


def layer(shapes):
    def check(function, rng):
        for b, k, n in shapes(rng):
            yield f"x of shape ({b}, {k}), w of shape ({n}, {k})"
            x, w, y = whole_numbers(rng, (b, k)), whole_numbers(rng, (n, k)), empty((b, n))
            before = x.copy(), w.copy()
            grid, block = (blocks_for(n, TILE), blocks_for(b, TILE)), (TILE, TILE)
            counted = function(grid, block, x, w, y)
            same(y, before[0] @ before[1].T, "y: your kernel")
            unchanged(x=(x, before[0]), w=(w, before[1]))
            at_most(counted, **sectors(launch(tiled, grid, block, x, w, y)))
            at_most(counted, bank_conflicts=0, barriers=2 * -(-k // TILE), atomic_requests=0)

    return check


def layer_public(rng):
    return [(32, 32, 32), (32, 64, 64), (33, 40, 35), (1, 70, 5), (50, 1, 40), (3, 31, 65)]


def layer_held_out(rng):
    return [tuple(int(n) for n in rng.integers(low, 80, 3)) for low in (2, 20, 33)]


def layer_shown(function):
    x = np.zeros((64, 64), np.float32)
    return table(function((2, 2), (TILE, TILE), x, x.copy(), empty((64, 64))))


# 3: tail


@cuda.jit
def once(z, bias, skip, out):
    """The pattern whose sectors are the par: all arrays once, and a block's biases once."""
    column, top = cuda.grid(1), cuda.blockIdx.y * ROWS
    if column < z.shape[1]:
        b = bias[column]
        for row in range(top, min(top + ROWS, z.shape[0])):
            out[row, column] = max(z[row, column] + b, float32(0)) + skip[row, column]


def tail(launches):
    def check(function, rng):
        for (m, n), block in launches(rng):
            yield f"z of shape ({m}, {n}), block={block}"
            z, skip = whole_numbers(rng, (2, m, n))
            bias, out = whole_numbers(rng, n), empty((m, n))
            before = z.copy(), bias.copy(), skip.copy()
            grid = blocks_for(n, block), blocks_for(m, ROWS)
            counted = function(grid, block, z, bias, skip, out)
            want = np.maximum(before[0] + before[1], np.float32(0)) + before[2]
            same(out, want, "out: your kernel")
            now = z, bias, skip
            unchanged(
                **dict(zip(("z", "bias", "skip"), zip(now, before, strict=True), strict=True))
            )
            par = launch(once, grid, block, z, bias, skip, out)
            at_most(counted, **sectors(par), global_load_requests=par["global_load_requests"])
            at_most(counted, atomic_requests=0)

    return check


def tail_public(rng):
    return [
        ((8, 32), 32),
        ((16, 128), 64),
        ((9, 33), 32),
        ((1, 5), 32),
        ((30, 100), 64),
        ((0, 4), 32),
    ]


def tail_held_out(rng):
    shapes = [tuple(int(n) for n in rng.integers(10, 120, 2)) for _ in range(3)]
    return list(zip(shapes, (32, 64, 128), strict=True))


def tail_shown(function):
    z = np.zeros((64, 128), np.float32)
    return table(function((1, 8), 128, z, np.zeros(128, np.float32), z.copy(), empty((64, 128))))


# 4: uses_that_pay


def uses(flops, nbytes_in, nbytes_out, host, card, link):
    """Return the answer, by fractions, and the break-even itself (None if there is none)."""
    moved = nbytes_in + nbytes_out
    at_home, on_card = (
        max(Fraction(flops) / Fraction(peak), Fraction(moved) / Fraction(bandwidth))
        for peak, bandwidth in (host, card)
    )
    alpha, bandwidth = map(Fraction, link)
    on_card += alpha
    if on_card >= at_home:
        return None, None
    even = (2 * alpha + Fraction(moved) / bandwidth) / (at_home - on_card)
    return math.floor(even) + 1, even


def uses_that_pay(cases):
    def check(function, rng):
        for case in cases(rng):
            flops, nbytes_in, nbytes_out, host, card, link = case
            yield (
                f"flops={flops}, nbytes_in={nbytes_in}, nbytes_out={nbytes_out}, host={host}, "
                f"card={card}, link={link}"
            )
            want, _ = uses(*case)
            got = function(*case)
            if want is None or got is None:
                if got is not want:
                    said = "never pays" if want is None else f"pays from {want} uses on"
                    raise CheckFailure(f"your function returned {got!r}, but the card {said}")
            else:
                same(got, want)

    return check


# Rates are powers of two, so that every time below is exact and a tie is a tie.
HOST, CARD, LINK = (2.0**36, 2.0**34), (2.0**43, 2.0**40), (2.0**-16, 2.0**33)


def uses_public(rng):
    return [
        (2**20, 2**20, 2**20, HOST, CARD, LINK),  # bytes bind
        (2**34, 2**24, 2**22, HOST, CARD, LINK),  # operations bind at home
        (2**10, 2**8, 2**8, HOST, CARD, LINK),  # the launch alone takes longer than the host
        (2**20, 2**20, 0, HOST, CARD, LINK),
        (0, 0, 2**22, HOST, CARD, LINK),
        (2**24, 2**20, 2**20, HOST, (2.0**36, 2.0**34), (0.0, 2.0**33)),  # no faster: a tie
        (2**20, 2**19, 2**19, (2.0**36, 2.0**34), (2.0**43, 2.0**35), (0.0, 2.0**34)),  # 2: a tie
        (2**36, 2**10, 2**10, HOST, CARD, LINK),  # once is enough
        (2**20 + 2**18, 2**10, 2**10, HOST, CARD, LINK),  # copies are all alpha
        (2**20 + 2**6, 2**10, 2**10, HOST, (2.0**53, 2.0**50), LINK),  # tens of thousands
        (2**30, 2**24, 2**24, HOST, (2.0**33, 2.0**40), LINK),  # a slow card
    ]


def uses_held_out(rng):
    def draw():
        flops, nbytes_in, nbytes_out = (int(2 ** rng.uniform(18, 30)) for _ in range(3))
        host = (2.0 ** int(rng.integers(33, 38)), 2.0 ** int(rng.integers(32, 36)))
        card = (2.0 ** int(rng.integers(37, 44)), 2.0 ** int(rng.integers(35, 41)))
        return (
            flops,
            nbytes_in,
            nbytes_out,
            host,
            card,
            (2.0**-17, 2.0 ** int(rng.integers(31, 35))),
        )

    cases = []
    while len(cases) < 12:  # none so near to break-even that rounding could decide
        case = draw()
        _, even = uses(*case)
        if even is None or abs(even - round(even)) > Fraction(1, 1000):
            cases.append(case)
    return cases


TASKS = (
    Task("rotate", rotate(rotate_public), rotate(rotate_held_out), points=3, kernel=True,
         par="whole warps along rows on both sides, no bank conflict", show=rotate_shown),
    Task("layer", layer(layer_public), layer(layer_held_out), points=4, kernel=True,
         par="each element once for every 32 rows or columns that want it, no bank conflict",
         show=layer_shown),
    Task("tail", tail(tail_public), tail(tail_held_out), points=2, kernel=True,
         par="one load of z and skip, one store, and the bias once for 8 rows", show=tail_shown),
    Task("uses_that_pay", uses_that_pay(uses_public), uses_that_pay(uses_held_out), points=3,
         par="no loop over uses is needed"),
)  # fmt: skip
