"""The checks of lab 4: a kernel counted in roundings and requests, and three host functions."""

import math

import numpy as np

from dlpar.gpu.lockstep import cuda
from dlpar.gpu.lockstep.types import float16, float32
from dlpar.kernels.blas import gemm
from dlpar.labs import CheckFailure, Task, close, same
from dlpar.labs.kernels import launch
from dlpar.rulers import rulers

TILE = 16
TINY = 2.0**-22  # the loss of task 3 is one part of a mean over four million


def unchanged(**arrays):
    """Hold arrays that are there to be read, (now, before), to what they were."""
    for name, (now, before) in arrays.items():
        if not np.array_equal(now, before):
            raise CheckFailure(f"{name} was changed: it is there to be read")


# 1: half_product


@cuda.jit
def by_tiles(a, b, c, d):
    """The pattern whose counts are the par: each tile comes once, and c is read once."""
    tile_a = cuda.shared.array((TILE, TILE), float16)
    tile_b = cuda.shared.array((TILE, TILE), float16)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    column, row = cuda.grid(2)
    m, n, k = d.shape[0], d.shape[1], a.shape[1]
    total = c[row, column] if row < m and column < n else float32(0)
    for first in range(0, k, TILE):
        inside_a, inside_b = row < m and first + tx < k, first + ty < k and column < n
        tile_a[ty, tx] = a[row, first + tx] if inside_a else float16(0)
        tile_b[ty, tx] = b[first + ty, column] if inside_b else float16(0)
        cuda.syncthreads()
        for p in range(TILE):
            total += float32(tile_a[ty, p]) * float32(tile_b[p, tx])
        cuda.syncthreads()
    if row < m and column < n:
        d[row, column] = total


COUNTS = "global_load_requests", "global_load_sectors", "barriers", "bank_conflicts"


def half_product(sizes):
    def check(function, rng):
        for (m, n, k), size in sizes(rng):
            yield f"m={m}, n={n}, k={k}, numbers of about {size}"
            a, b = (rng.normal(0, size, s).astype(np.float16) for s in ((m, k), (k, n)))
            c, d = rng.normal(0, size, (m, n)).astype(np.float32), np.full((m, n), np.nan, "f")
            before = a.copy(), b.copy(), c.copy()
            grid = -(-n // TILE), -(-m // TILE)
            counted = function(grid, (TILE, TILE), a, b, c, d)
            unchanged(a=(a, before[0]), b=(b, before[1]), c=(c, before[2]))
            roundings(d, a, b, c)
            par = launch(by_tiles, grid, (TILE, TILE), a, b, c, d)
            for name in (*COUNTS, "atomic_requests"):
                if counted[name] > par[name]:
                    said = name.replace("_", " ")
                    raise CheckFailure(f"{counted[name]} {said}, par is {par[name]}")

    return check


def roundings(d, a, b, c):
    """Hold d to a @ b + c: k products that are exact, and k additions, each rounded in float32.

    In any order, the error is at most k times 2^-24 of the sum of the magnitudes (Higham 2002,
    section 3.1); products of whole numbers that fit are exact.
    """
    a, b, c = (v.astype(np.float64) for v in (a, b, c))
    want, magnitudes = a @ b + c, np.abs(a) @ np.abs(b) + np.abs(c)
    off = np.abs(d - want) / (magnitudes * 2.0**-24)
    allowed = a.shape[1] + 1
    if not (off <= allowed).all():
        i, j = np.unravel_index(np.argmax(np.where(off <= allowed, 0, 1)), d.shape)
        how_far = f"{off[i, j]:,.0f} roundings off" if np.isfinite(off[i, j]) else "not finite"
        said = f"d[{i}, {j}] is {d[i, j]:.9g}, not {want[i, j]:.9g}: {how_far}"
        raise CheckFailure(f"{said}, par is {allowed}")


def half_product_public(rng):
    return [
        ((16, 16, 16), 1), ((16, 16, 64), 1), ((32, 16, 48), 300), ((5, 7, 9), 1), ((1, 1, 1), 1),
        ((17, 33, 20), 1), ((3, 40, 130), 20), ((20, 3, 1), 1),
    ]  # fmt: skip


def half_product_held_out(rng):
    return [(tuple(int(s) for s in rng.integers(2, 50, 3)), size) for size in (1, 1, 250)]


def half_product_shown(function):
    a, b = np.ones((16, 4096), np.float16), np.ones((4096, 16), np.float16)
    c, d = np.zeros((16, 16), np.float32), np.zeros((16, 16), np.float32)
    counted = function((1, 1), (TILE, TILE), a, b, c, d)
    named = {name.replace("_", " "): counted[name] for name in COUNTS}
    return rulers(counted={"4096 ones, summed": float(d[0, 0])} | named)


# 2: unscale


def unscale(cases):
    def check(function, rng):
        for n, bad, scale, clean, interval in cases(rng):
            grads = (rng.normal(0, 1, n) * 10.0 ** rng.integers(-6, 4, n)).astype(np.float16)
            for value in bad:
                grads[int(rng.integers(n))] = value
            held = f", {' and '.join(map(str, bad))} among them" if bad else ""
            yield f"{n} gradients{held}, scale={scale:g}, clean={clean}, interval={interval}"
            before = grads.copy()
            got = function(grads, scale, clean, interval)
            if not np.array_equal(grads, before, equal_nan=True):
                raise CheckFailure("grads was changed: it is there to be read")
            judged(got, *unscaled(before, scale, clean, interval))

    return check


def unscaled(grads, scale, clean, interval):
    """Return what is right: update or None, scale, clean."""
    if not np.isfinite(grads).all():
        return None, scale / 2, 0
    update = (grads.astype(np.float64) / scale).astype(np.float32)
    return (update, scale * 2, 0) if clean + 1 == interval else (update, scale, clean + 1)


def judged(got, update, scale, clean):
    if not isinstance(got, tuple) or len(got) != 3:
        raise CheckFailure("return three things: update, scale, clean")
    if update is None:
        same(got[0], None, "update: your function")
    else:
        same(got[0], update, "update: your function")
    close(got[1], float(scale), who="scale: your function")
    same(got[2], clean, "clean: your function")


def unscale_public(rng):
    inf, nan = math.inf, math.nan
    return [
        (5, (), 8.0, 0, 3), (5, (), 65536.0, 1, 3), (4, (), 1024.0, 2, 3),
        (6, (inf,), 1024.0, 2, 3), (6, (nan,), 512.0, 1, 9), (3, (-inf,), 2.0, 0, 5),
        (1, (), 2.0**20, 0, 1), (0, (), 4.0, 3, 7), (8, (), 2.0**24, 4, 5),
        (7, (inf, nan), 1.0, 6, 7),
    ]  # fmt: skip


def unscale_held_out(rng):
    cases = []
    for bad in ((), (), (math.inf,), (math.nan,), ()):
        interval = int(rng.integers(2, 9))
        clean, scale = int(rng.integers(interval)), 2.0 ** int(rng.integers(1, 26))
        cases.append((int(rng.integers(2, 30)), bad, scale, clean, interval))
    interval = int(rng.integers(3, 9))
    return [*cases, (9, (), 2.0**12, interval - 1, interval)]


# 3: train


class Bowl:
    """A loss that is a bowl, times TINY: its gradients are lost in half precision.

    It follows what a right loop would do with the very gradients that it has given out.
    """

    def __init__(self, rng, n, lr, steps, scale, interval):
        self.target = rng.normal(0, 3, n)
        self.steep = rng.uniform(0.3, 1, n)
        self.master = rng.normal(0, 3, n).astype(np.float32)
        self.lr, self.steps, self.scale, self.interval = lr, steps, float(scale), interval
        self.clean = self.calls = self.skipped = 0
        self.fault = None

    def loss(self, w):
        return float(np.sum(self.steep * (np.asarray(w, float) - self.target) ** 2) / 2)

    def grad(self, w, scale):
        self.calls += 1
        self._look(w, scale)
        slope = self.steep * (w.astype(float) - self.target) * TINY
        with np.errstate(over="ignore"):
            g = (slope * self.scale).astype(np.float16)
        update, self.scale, self.clean = unscaled(g, self.scale, self.clean, self.interval)
        if update is None:
            self.skipped += 1
        else:
            self.master = self.master - np.float32(self.lr) * update
        return g

    def _look(self, w, scale):
        """Hold a question to what a right loop asks; the first fault stays."""
        if self.calls > self.steps:
            self._fail(f"grad was called {self.calls} times, par is {self.steps}: one a step")
        if not isinstance(w, np.ndarray) or w.dtype != np.float16 or w.shape != self.master.shape:
            kind = w.dtype if isinstance(w, np.ndarray) else type(w).__name__
            self._fail(f"call {self.calls}: grad takes the weights as a float16 array, got {kind}")
        if isinstance(scale, bool) or not isinstance(scale, int | float) or scale != self.scale:
            said = f"the scale was {scale:g}, and should have been {self.scale:g}"
            self._fail(f"call {self.calls}: {said}")
        want = self.master.astype(np.float16)
        off = ~(np.abs(w.astype(float) - want) <= 1.01 * np.spacing(np.abs(want)).astype(float))
        if off.any():
            i = int(np.argmax(off))
            said = f"w[{i}] is {w[i]}, the master copy rounds to {want[i]}"
            self._fail(f"call {self.calls}: {said}")

    def _fail(self, said):
        self.fault = self.fault or CheckFailure(said)
        raise self.fault


def train(cases):
    def check(function, rng):
        for n, steps, scale, interval in cases(rng):
            yield f"{n} weights, steps={steps}, scale=2**{math.log2(scale):g}, interval={interval}"
            bowl = Bowl(rng, n, 0.5 / TINY, steps, scale, interval)
            trained(function, bowl, converges=steps >= 60)

    return check


def trained(function, bowl, converges):
    """Run `function` on the bowl, and hold calls, loss and weights to the promise."""
    weights, start = bowl.master.copy(), bowl.master.copy()
    first, interval = bowl.loss(weights), bowl.interval
    with np.errstate(over="ignore", invalid="ignore"):  # a gradient beyond fp16 is the point
        got = function(bowl.grad, weights, bowl.lr, bowl.steps, bowl.scale, interval)
    if bowl.fault:  # and the learner's code went on
        raise bowl.fault
    if bowl.calls != bowl.steps:
        raise CheckFailure(f"grad was called {bowl.calls} times, par is {bowl.steps}: one a step")
    unchanged(weights=(weights, start))
    if not isinstance(got, np.ndarray) or got.dtype != np.float32 or got.shape != start.shape:
        raise CheckFailure(f"return the master copy, float32 of shape {start.shape}")
    if converges and not bowl.loss(got) <= first / 1000:
        said = f"the loss ends at {bowl.loss(got):.3g}"
        raise CheckFailure(f"{said}, par is a thousandth of its start, {first / 1000:.3g}")
    close(got, bowl.master, rtol=1e-5, atol=1e-6, who="your function")
    return first, bowl.loss(got)


def train_public(rng):
    return [
        (4, 1, 2.0**16, 100), (3, 3, 2.0**20, 100), (5, 80, 2.0**16, 2000), (6, 90, 2.0**42, 30),
        (2, 0, 2.0**16, 5), (4, 80, 2.0**30, 3), (1, 60, 2.0**24, 7),
    ]  # fmt: skip


def train_held_out(rng):
    n = [int(k) for k in rng.integers(2, 9, 3)]
    high, low = 2.0 ** int(rng.integers(38, 44)), 2.0 ** int(rng.integers(15, 24))
    return [(n[0], 2, low, 50), (n[1], 90, high, 20), (n[2], 85, low, int(rng.integers(4, 9)))]


def train_shown(function):
    bowl = Bowl(np.random.default_rng(4), 8, 0.5 / TINY, 90, 2.0**42, 30)
    first, last = trained(function, bowl, converges=True)
    return rulers(
        counted={
            "gradients asked for": bowl.calls,
            "steps left out": bowl.skipped,
            "loss at the start": round(first, 2),
            "loss at the end": f"{last:.1e}",
        }
    )


# 4: gemm_call


class Matrix:
    """A matrix somewhere in memory, with NaN around it: `turned` is a transposed view."""

    def __init__(self, values, spare, turned):
        stored = values.T if turned else values
        rows, columns = stored.shape
        memory = np.full((rows, columns + spare), np.nan, np.float32)
        memory[:, :columns] = stored
        self.memory = memory.ravel()[: (rows - 1) * (columns + spare) + columns].copy()
        self.shape = values.shape
        self.strides = (1, columns + spare) if turned else (columns + spare, 1)


def gemm_call(cases):
    def check(function, rng):
        for (m, n, k), a_kind, b_kind, spare in cases(rng):
            whole = [rng.integers(-9, 10, s).astype(np.float32) for s in ((m, k), (k, n))]
            a, b = (Matrix(v, *kind) for v, kind in zip(whole, (a_kind, b_kind), strict=True))
            c = Matrix(np.full((m, n), 1e9, np.float32), spare, False)
            yield f"a {a.shape} strides {a.strides}, b {b.shape} strides {b.strides}, " \
                  f"c strides {c.strides}"  # fmt: skip
            call = function(a.shape, a.strides, b.shape, b.strides, c.strides)
            made(call, {"a": a.memory, "b": b.memory}, c.memory)
            written(c, whole[0] @ whole[1])

    return check


def made(call, memories, c):
    """Make the call that was returned, or say why it cannot be made."""
    if not isinstance(call, tuple) or len(call) != 10:
        raise CheckFailure("return a tuple of ten: transa, transb, m, n, k, first, ... ldc")
    transa, transb, m, n, k, first, lda, second, ldb, ldc = call
    if not all(type(number) is int for number in (m, n, k, lda, ldb, ldc)):
        raise CheckFailure(f"m, n, k and the leading dimensions are whole numbers, got {call}")
    if first not in ("a", "b") or second not in ("a", "b"):
        raise CheckFailure(f"the matrices are 'a' and 'b', got {first!r} and {second!r}")
    try:
        gemm(transa, transb, m, n, k, 1, memories[first], lda, memories[second], ldb, 0, c, ldc)
    except ValueError as error:
        raise CheckFailure(f"{call}: {error}") from None


def written(c, want):
    """Hold c's memory to `want`, and what lies between its rows to what it was."""
    m, n = want.shape
    ld = c.strides[0]
    got = np.append(c.memory, np.full(ld - n, np.nan, "f")).reshape(m, ld)
    if not np.isnan(got[:, n:]).all():
        raise CheckFailure("the call wrote between the rows of c")
    if not np.array_equal(got[:, :n], want):
        i, j = np.argwhere(got[:, :n] != want)[0]
        raise CheckFailure(f"afterwards c[{i}, {j}] is {got[i, j]:g}, not {want[i, j]:g}")


PLAIN, PIECE, TURNED, TURNED_PIECE = (0, False), (3, False), (0, True), (2, True)


def gemm_call_public(rng):
    return [
        ((3, 3, 3), PLAIN, PLAIN, 0), ((2, 3, 4), PLAIN, PLAIN, 0), ((2, 5, 3), TURNED, PLAIN, 0),
        ((4, 2, 3), PLAIN, TURNED, 0), ((3, 4, 2), PIECE, PLAIN, 0), ((3, 2, 5), PLAIN, PIECE, 2),
        ((4, 4, 4), TURNED, TURNED_PIECE, 1), ((1, 4, 3), TURNED, PLAIN, 0),
        ((5, 3, 1), PLAIN, PLAIN, 0), ((4, 1, 3), PLAIN, PLAIN, 0), ((1, 1, 1), PLAIN, PLAIN, 0),
        ((3, 1, 1), PLAIN, TURNED, 3),
    ]  # fmt: skip


def gemm_call_held_out(rng):
    cases = []
    for turned_a in (False, True):
        for turned_b in (False, True):
            sizes = tuple(int(s) for s in rng.integers(2, 9, 3))
            spare = [int(s) for s in rng.integers(0, 4, 3)]
            cases.append((sizes, (spare[0], turned_a), (spare[1], turned_b), spare[2]))
    return cases


TASKS = (
    Task("half_product", half_product(half_product_public), half_product(half_product_held_out),
         points=3, kernel=True, show=half_product_shown,
         par="k + 1 roundings of float32, the requests of tiles that come once"),
    Task("unscale", unscale(unscale_public), unscale(unscale_held_out), points=2),
    Task("train", train(train_public), train(train_held_out), points=3, show=train_shown,
         par="one gradient a step, the loss below a thousandth of its start"),
    Task("gemm_call", gemm_call(gemm_call_public), gemm_call(gemm_call_held_out), points=2,
         par="one call, and no copy of a, b or c"),
)  # fmt: skip
