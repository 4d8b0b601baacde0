"""Kernels that run on two machines: the lock-step one and, in a process of its own, Numba's own.

`python kernels_for_oracle.py FILE` runs all of them on Numba's simulator and writes what their
arrays hold afterwards; `results()` does the same in this process on the lock-step machine. Inputs
are small whole numbers where results must be equal to the bit: then no sum rounds, whatever its
order, and the simulator's types, which are NumPy's, cannot differ from Numba's in value.
"""

import math
import os
import sys
import warnings
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

if os.environ.get("NUMBA_ENABLE_CUDASIM") == "1":
    warnings.simplefilter("ignore")
    from numba import cuda, float32, float64, int32, int64
    from numba.cuda.random import create_xoroshiro128p_states, xoroshiro128p_uniform_float32
else:
    from dlpar.gpu import cuda, float32, float64, int32, int64
    from dlpar.gpu.random import create_xoroshiro128p_states, xoroshiro128p_uniform_float32

CASES: list = []


@dataclass
class Case:
    """A kernel with its launches: `args(rng, t)` makes the arguments for each dtype `t`."""

    kernel: Any
    grid: Any
    block: Any
    args: Any
    types: list
    tolerance: float  # in units in the last place of the result's type; 0 is equal
    shared: int

    @property
    def name(self):
        return self.kernel.__name__

    def arguments(self, t):
        return self.args(np.random.default_rng(zlib.crc32(f"{self.name} {t}".encode())), t)


def case(grid, block, args, types="float32", tolerance=0.0, shared=0):
    def add(kernel):
        CASES.append(Case(kernel, grid, block, args, types.split(), tolerance, shared))
        return kernel

    return add


def results():
    """Return {name: array}: what each array argument of each launch holds at the end."""
    found = {}
    for c in CASES:
        for t in c.types:
            args = c.arguments(t)
            c.kernel[c.grid, c.block, 0, c.shared](*args)
            for k, arg in enumerate(args):
                if isinstance(arg, np.ndarray):
                    found[f"{c.name}-{t}-{k}"] = arg
    return found


def whole(rng, shape, t, low=-9, high=10):
    """Return small whole numbers of type `t`; none is negative where t is unsigned."""
    return rng.integers(0 if t[0] in "ub" else low, high, shape).astype(t)


def like(x, *shape):
    return np.zeros(shape or x.shape, x.dtype)


N = 37  # a prime: no multiple of any block


# Maps, guards, launches of one to three dimensions


@case(5, 8, lambda rng, t: (whole(rng, N, t), np.zeros(N, t)), "float32 float64 int32 int64 uint8")
@cuda.jit
def square(x, y):
    i = cuda.grid(1)
    if i < x.size:
        y[i] = x[i] * x[i]


@case(5, 8, lambda rng, t: (3, whole(rng, N, t), whole(rng, N, t)), "float32 float64 int64")
@cuda.jit
def axpy(a, x, y):
    i = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
    if i >= y.size:
        return
    y[i] += a * x[i]


@case(2, 4, lambda rng, t: (whole(rng, N, t), np.zeros(N, t)), "float32 int32")
@cuda.jit
def grid_stride(x, y):
    for i in range(cuda.grid(1), x.shape[0], cuda.gridsize(1)):
        y[i] = 2 * x[i] + 1


@case((2, 3), (4, 2), lambda rng, t: (whole(rng, (7, 5), t),), "float32 int16")
@cuda.jit
def two_dimensions(a):
    i, j = cuda.grid(2)
    if i < a.shape[0] and j < a.shape[1]:
        a[i, j] += 10 * i + j


@case((2, 2, 2), (2, 3, 2), lambda rng, t: (np.zeros((3, 5, 4), t),), "float32 int32")
@cuda.jit
def three_dimensions(a):
    x, y, z = cuda.grid(3)
    if x < a.shape[0] and y < a.shape[1] and z < a.shape[2]:
        a[x, y, z] = (x * 5 + y) * 4 + z + cuda.gridsize(3)[1]


@case((2, 1, 2), (3, 2, 2), lambda rng, t: (np.zeros((4, 12), t),), "int64")
@cuda.jit
def linear_numbers(out):
    t = cuda.threadIdx
    b = cuda.blockIdx
    thread = (t.z * cuda.blockDim.y + t.y) * cuda.blockDim.x + t.x
    block = (b.z * cuda.gridDim.y + b.y) * cuda.gridDim.x + b.x
    out[block, thread] = 100 * block + thread


@case(3, 16, lambda rng, t: (whole(rng, N, t), np.zeros(N, t)), "float32 int8")
@cuda.jit
def backwards(x, y):
    i = cuda.grid(1)
    if i < x.size:
        y[i] = x[-1 - i]


@case((3, 2), (2, 4), lambda rng, t: (whole(rng, (5, 7), t), np.zeros((7, 5), t)), "float32 int64")
@cuda.jit
def transpose(a, b):
    x, y = cuda.grid(2)
    if y < a.shape[0] and x < a.shape[1]:
        b[x, y] = a[y, x]


TILE = 4
PADDED = TILE + 1  # Numba takes no sum for a shape


@case((2, 2), (TILE, TILE), lambda rng, t: (whole(rng, (5, 7), t), np.zeros((7, 5), t)), "float32")
@cuda.jit
def transpose_tiled(a, b):
    tile = cuda.shared.array((TILE, PADDED), float32)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    x, y = cuda.blockIdx.x * TILE + tx, cuda.blockIdx.y * TILE + ty
    if y < a.shape[0] and x < a.shape[1]:
        tile[ty, tx] = a[y, x]
    cuda.syncthreads()
    x, y = cuda.blockIdx.y * TILE + tx, cuda.blockIdx.x * TILE + ty
    if y < b.shape[0] and x < b.shape[1]:
        b[y, x] = tile[tx, ty]


@case(2, 8, lambda rng, t: (np.zeros(4, np.int64), whole(rng, (2, 3, 4), t)), "float32 int16")
@cuda.jit
def shapes(out, a):
    if cuda.grid(1) == 0:
        out[0] = a.ndim
        out[1] = a.size
        out[2] = a.shape[1] * a.shape[-1]
        out[3] = len(a)


# Stencils and grids


@case(5, 8, lambda rng, t: (whole(rng, N, t), np.zeros(N, t)), "float32 int32 float64")
@cuda.jit
def stencil(x, y):
    i = cuda.grid(1)
    if 0 < i < x.size - 1:
        y[i] = x[i - 1] - 2 * x[i] + x[i + 1]
    elif i == 0 or i == x.size - 1:
        y[i] = x[i]


@case(5, 8, lambda rng, t: (whole(rng, N, t), np.zeros(N, t)), "int64")
@cuda.jit
def stencil_with_halo(x, y):
    cell = cuda.shared.array(10, int64)
    t, i = cuda.threadIdx.x, cuda.grid(1)
    cell[t + 1] = x[i] if i < x.size else 0
    if t == 0:
        cell[0] = x[i - 1] if i > 0 else 0
    if t == 7:
        cell[9] = x[i + 1] if i + 1 < x.size else 0
    cuda.syncthreads()
    if i < x.size:
        y[i] = cell[t] + cell[t + 1] + cell[t + 2]


@case(
    (2, 2), (4, 4), lambda rng, t: (whole(rng, (7, 6), t), np.zeros((7, 6), t)), "float32 float64"
)
@cuda.jit
def laplace(u, v):
    i, j = cuda.grid(2)
    n, m = u.shape
    if i < n and j < m:
        if i == 0 or j == 0 or i == n - 1 or j == m - 1:
            v[i, j] = u[i, j]
        else:
            v[i, j] = (u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1]) / 4


@case(
    1,
    11,
    lambda rng, t: (np.r_[8.0, np.zeros(10)].astype(t), np.zeros(11, t), 5),
    "float32 float64",
)
@cuda.jit
def heat(u, v, steps):
    i = cuda.threadIdx.x
    for step in range(steps):
        a, b = (u, v) if step % 2 == 0 else (v, u)
        if 0 < i < u.size - 1:
            b[i] = a[i] + (a[i - 1] - 2 * a[i] + a[i + 1]) / 4
        else:
            b[i] = a[i]
        cuda.syncthreads()


@case(
    (2, 2), (4, 4), lambda rng, t: (whole(rng, (7, 6), t, 0, 2), np.zeros((7, 6), t)), "uint8 int32"
)
@cuda.jit
def life(now, then):
    i, j = cuda.grid(2)
    n, m = now.shape
    if i >= n or j >= m:
        return
    alive = 0
    for di in range(-1, 2):
        for dj in range(-1, 2):
            if di == 0 and dj == 0:
                continue
            alive += now[(i + di) % n, (j + dj) % m]
    then[i, j] = 1 if alive == 3 or (alive == 2 and now[i, j] == 1) else 0


# Reductions, scans, histograms


@case(3, 16, lambda rng, t: (whole(rng, N, t), np.zeros(3, t)), "float32")
@cuda.jit
def tree_sum(x, partial):
    cache = cuda.shared.array(16, float32)
    t, i = cuda.threadIdx.x, cuda.grid(1)
    cache[t] = x[i] if i < x.size else 0.0
    cuda.syncthreads()
    stride = 8
    while stride > 0:
        if t < stride:
            cache[t] += cache[t + stride]
        cuda.syncthreads()
        stride //= 2
    if t == 0:
        partial[cuda.blockIdx.x] = cache[0]


@case(3, 16, lambda rng, t: (whole(rng, N, t), np.zeros(1, t)), "float32 float64 int32 uint64")
@cuda.jit
def atomic_sum(x, total):
    i = cuda.grid(1)
    if i < x.size:
        cuda.atomic.add(total, 0, x[i])


@case(2, 8, lambda rng, t: (whole(rng, N, t), whole(rng, N, t), np.zeros(1, t)), "float32 int64")
@cuda.jit
def dot(x, y, out):
    mine = 0
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        mine += x[i] * y[i]
    cuda.atomic.add(out, 0, mine)


@case(1, 16, lambda rng, t: (rng.permutation(16).astype(t), np.zeros(2, np.int64)), "float32 int32")
@cuda.jit
def largest_and_where(x, out):
    value = cuda.shared.array(16, float64)
    place = cuda.shared.array(16, int64)
    t = cuda.threadIdx.x
    value[t] = x[t]
    place[t] = t
    cuda.syncthreads()
    s = 8
    while s >= 1:
        if t < s and value[t + s] > value[t]:
            value[t] = value[t + s]
            place[t] = place[t + s]
        cuda.syncthreads()
        s >>= 1
    if t == 0:
        out[0] = place[0]
        out[1] = int(value[0])


@case(1, 16, lambda rng, t: (whole(rng, 16, t),), "int64")
@cuda.jit
def scan_by_doubling(x):
    a = cuda.shared.array((2, 16), int64)
    t, here = cuda.threadIdx.x, 0
    a[0, t] = x[t]
    cuda.syncthreads()
    d = 1
    while d < 16:
        if t >= d:
            a[1 - here, t] = a[here, t] + a[here, t - d]
        else:
            a[1 - here, t] = a[here, t]
        here = 1 - here
        d *= 2
        cuda.syncthreads()
    x[t] = a[here, t]


@case(1, 8, lambda rng, t: (whole(rng, 16, t),), "int64")
@cuda.jit
def scan_by_tree(x):
    a = cuda.shared.array(16, int64)
    t = cuda.threadIdx.x
    a[2 * t] = x[2 * t]
    a[2 * t + 1] = x[2 * t + 1]
    step, d = 1, 8
    while d > 0:
        cuda.syncthreads()
        if t < d:
            a[step * (2 * t + 2) - 1] += a[step * (2 * t + 1) - 1]
        step *= 2
        d //= 2
    cuda.syncthreads()
    if t == 0:
        a[15] = 0
    d = 1
    while d < 16:
        step //= 2
        cuda.syncthreads()
        if t < d:
            left, right = step * (2 * t + 1) - 1, step * (2 * t + 2) - 1
            a[left], a[right] = a[right], a[left] + a[right]
        d *= 2
    cuda.syncthreads()
    x[2 * t] = a[2 * t]
    x[2 * t + 1] = a[2 * t + 1]


@case(5, 8, lambda rng, t: (whole(rng, N, t, 0, 5), np.zeros(5, np.int32)), "uint8 int32 int64")
@cuda.jit
def histogram(x, counts):
    i = cuda.grid(1)
    if i < x.size:
        cuda.atomic.add(counts, x[i], 1)


@case(3, 16, lambda rng, t: (whole(rng, N, t, 0, 5), np.zeros(5, np.int32)), "uint8 int64")
@cuda.jit
def histogram_in_shared(x, counts):
    mine = cuda.shared.array(5, int32)
    t, i = cuda.threadIdx.x, cuda.grid(1)
    if t < 5:
        mine[t] = 0
    cuda.syncthreads()
    if i < x.size:
        cuda.atomic.add(mine, x[i], 1)
    cuda.syncthreads()
    if t < 5:
        cuda.atomic.add(counts, t, mine[t])


@case(3, 8, lambda rng, t: (whole(rng, 20, t), np.zeros((3, 3), np.int32)), "float32 int64")
@cuda.jit
def votes_of_blocks(x, out):
    i, b = cuda.grid(1), cuda.blockIdx.x
    positive = i < x.size and x[i] > 0
    count = cuda.syncthreads_count(int(positive))
    every = cuda.syncthreads_and(int(i < x.size))
    some = cuda.syncthreads_or(int(positive))
    if cuda.threadIdx.x == 0:
        out[b, 0] = count
        out[b, 1] = every != 0
        out[b, 2] = some != 0


# Linear algebra


def matrices(rng, t, n=5, k=7, m=6):
    return whole(rng, (n, k), t), whole(rng, (k, m), t), np.zeros((n, m), t)


@case((2, 2), (4, 4), matrices, "float32 float64 int32")
@cuda.jit
def matmul(a, b, c):
    i, j = cuda.grid(2)
    if i < c.shape[0] and j < c.shape[1]:
        total = 0
        for k in range(a.shape[1]):
            total += a[i, k] * b[k, j]
        c[i, j] = total


@case((2, 2), (TILE, TILE), matrices, "float32")
@cuda.jit
def matmul_tiled(a, b, c):
    sa = cuda.shared.array((TILE, TILE), float32)
    sb = cuda.shared.array((TILE, TILE), float32)
    x, y = cuda.grid(2)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    total = float32(0)
    for i in range((a.shape[1] + TILE - 1) // TILE):
        sa[ty, tx] = 0
        sb[ty, tx] = 0
        if y < a.shape[0] and tx + i * TILE < a.shape[1]:
            sa[ty, tx] = a[y, tx + i * TILE]
        if x < b.shape[1] and ty + i * TILE < b.shape[0]:
            sb[ty, tx] = b[ty + i * TILE, x]
        cuda.syncthreads()
        for j in range(TILE):
            total += sa[ty, j] * sb[j, tx]
        cuda.syncthreads()
    if y < c.shape[0] and x < c.shape[1]:
        c[y, x] = total


@case(
    3, 4, lambda rng, t: (whole(rng, (9, 5), t), whole(rng, 5, t), np.zeros(9, t)), "float32 int64"
)
@cuda.jit
def matvec(a, x, y):
    i = cuda.grid(1)
    if i < y.size:
        row = a[i]
        for k in range(x.size):
            y[i] += row[k] * x[k]


@case(
    1, 6, lambda rng, t: (np.tril(whole(rng, (6, 6), t, 1, 2)), whole(rng, 6, t)), "float64 int64"
)
@cuda.jit
def forward_substitution(a, b):
    i = cuda.threadIdx.x
    for k in range(b.size):
        cuda.syncthreads()
        if i > k:
            b[i] -= a[i, k] * b[k]


@case(2, 4, lambda rng, t: (rng.normal(size=(6, 5)).astype(t), np.zeros((6, 5), t)),
      "float32 float64", tolerance=16)  # fmt: skip  # exp: 2 each, a sum of 5 and a division
@cuda.jit
def softmax(x, y):
    i = cuda.grid(1)
    if i < x.shape[0]:
        most = x[i, 0]
        for j in range(1, x.shape[1]):
            most = max(most, x[i, j])
        total = x[i, 0] * 0
        for j in range(x.shape[1]):
            y[i, j] = math.exp(x[i, j] - most)
            total += y[i, j]
        for j in range(x.shape[1]):
            y[i, j] /= total


WEIGHTS = np.array([1, -2, 3], np.float32)
GRID = np.arange(6, dtype=np.int32).reshape(2, 3)


@case(5, 8, lambda rng, t: (whole(rng, N, t), np.zeros(N - 2, t)), "float32 float64")
@cuda.jit
def convolve_with_constants(x, y):
    w = cuda.const.array_like(WEIGHTS)
    i = cuda.grid(1)
    if i < y.size:
        for k in range(3):
            y[i] += w[k] * x[i + k]


@case(1, 6, lambda rng, t: (np.zeros((2, 3), t),), "int32 float64")
@cuda.jit
def look_up_constants(out):
    table = cuda.const.array_like(GRID)
    i, j = cuda.threadIdx.x // 3, cuda.threadIdx.x % 3
    out[i, j] = table[1 - i, 2 - j]


# Randomness, sessions, cooperative groups


@case(2, 8, lambda rng, t: (create_xoroshiro128p_states(16, seed=7), 9, np.zeros(16, t)), "float32")
@cuda.jit
def monte_carlo_pi(states, draws, out):
    i = cuda.grid(1)
    inside = 0
    for _ in range(draws):
        x = xoroshiro128p_uniform_float32(states, i)
        y = xoroshiro128p_uniform_float32(states, i)
        if x**2 + y**2 <= 1.0:
            inside += 1
    out[i] = inside


def visits(rng, t):
    user = np.sort(rng.integers(0, 4, N))
    time = np.cumsum(rng.integers(0, 9, N))
    return user.astype(t), time, np.zeros(N, np.int64)


@case(5, 8, visits, "int32 int64")
@cuda.jit
def sessions(user, time, session):
    i = cuda.grid(1)
    if i >= user.size:
        return
    first = i
    while first > 0:
        same = user[first - 1] == user[first]
        if not same or time[first] - time[first - 1] > 6:
            break
        first -= 1
    session[i] = first


@case(1, 8, lambda rng, t: (whole(rng, (5, 8), t),), "int64 float32")
@cuda.jit
def rows_in_sequence(a):
    grid = cuda.cg.this_grid()
    j = cuda.grid(1)
    for i in range(1, a.shape[0]):
        a[i, j] += a[i - 1, 7 - j]
        grid.sync()
        cuda.syncthreads()  # the simulator's grid.sync does not wait


# Device functions


@cuda.jit(device=True)
def cubic(x, a):
    return ((a * x + 1) * x - 2) * x + 3


@cuda.jit(device=True)
def sign_of(x):
    if x > 0:
        return 1
    if x < 0:
        return -1
    return 0


@cuda.jit(device=True)
def both(a, b):
    return a + b, a - b


@cuda.jit(device=True)
def norm_and_sign(x):
    plus, minus = both(abs(x), sign_of(x))
    return plus * minus, minus


@cuda.jit(device=True)
def fill_row(row, value):
    for k in range(row.size):
        row[k] = value + k


@case(5, 8, lambda rng, t: (whole(rng, N, t), np.zeros(N, t)), "float32 float64 int64")
@cuda.jit
def calls_a_function(x, y):
    i = cuda.grid(1)
    if i < x.size:
        y[i] = cubic(x[i], 2)


@case(5, 8, lambda rng, t: (whole(rng, N, t), np.zeros((N, 2), t)), "float32 int32")
@cuda.jit
def calls_nested_functions(x, y):
    i = cuda.grid(1)
    if i < x.size:
        y[i, 0], y[i, 1] = norm_and_sign(x[i])


@case(2, 4, lambda rng, t: (whole(rng, (7, 3), t),), "float32 int16")
@cuda.jit
def passes_rows(a):
    i = cuda.grid(1)
    if i < a.shape[0]:
        fill_row(a[i, 1:], 10 * i)


def made_with(scale, shift):
    @cuda.jit
    def closure(x):
        i = cuda.grid(1)
        if i < x.size:
            x[i] = scale * x[i] + shift

    return closure


case(5, 8, lambda rng, t: (whole(rng, N, t),), "float32 int32")(made_with(3, 5))


# Atomics


@case(
    3,
    16,
    lambda rng, t: (whole(rng, N, t), np.full(4, 50, t)),
    "float32 float64 int32 uint32 int64",
)
@cuda.jit
def atomic_sub(x, out):
    i = cuda.grid(1)
    if i < x.size and x[i] > 0:
        cuda.atomic.sub(out, i % 4, x[i] / 1 if x[i] < 0 else x[i])


@case(
    3,
    16,
    lambda rng, t: (whole(rng, N, t), np.zeros((2, 3), t)),
    "float32 float64 int32 uint32 int64 uint64",
)
@cuda.jit
def atomic_min_max(x, out):
    i = cuda.grid(1)
    if i < x.size:
        cuda.atomic.min(out, (0, i % 3), x[i])
        cuda.atomic.max(out, (1, i % 3), x[i])


def with_nan(rng, t):
    x = whole(rng, N, t)
    x[::5] = np.nan
    return x, np.full((2, 3), np.nan, t)


@case(3, 16, with_nan, "float32 float64")
@cuda.jit
def atomic_nan_min_max(x, out):
    i = cuda.grid(1)
    if i < x.size:
        cuda.atomic.nanmin(out, (0, i % 3), x[i])
        cuda.atomic.nanmax(out, (1, i % 3), x[i])


@case(
    3,
    16,
    lambda rng, t: (whole(rng, N, t, 0, 64), np.full((3, 2), 21, t)),
    "int32 uint32 int64 uint64",
)
@cuda.jit
def atomic_bits(x, out):
    i = cuda.grid(1)
    if i < x.size:
        cuda.atomic.and_(out, (0, i % 2), x[i])
        cuda.atomic.or_(out, (1, i % 2), x[i])
        cuda.atomic.xor(out, (2, i % 2), x[i])


@case(3, 16, lambda rng, t: (np.zeros(3, t), np.full(3, 4, t)), "uint32 uint64")
@cuda.jit
def atomic_inc_dec(up, down):
    i = cuda.grid(1)
    cuda.atomic.inc(up, i % 3, 6)
    cuda.atomic.dec(down, i % 3, 4)


@case(
    3, 16, lambda rng, t: (whole(rng, N, t), np.arange(N).astype(t), np.zeros(N, t)), "int32 uint64"
)
@cuda.jit
def atomic_exchange(x, y, found):
    i = cuda.grid(1)
    if i < x.size:
        found[i] = cuda.atomic.exch(y, i, x[i])


@case(3, 16, lambda rng, t: (whole(rng, (N, 2), t, 0, 3), np.zeros(N, t)), "int32 int64 uint32")
@cuda.jit
def atomic_compare_and_swap(x, found):
    i = cuda.grid(1)
    if i < found.size:
        found[i] = cuda.atomic.cas(x, (i, 1), 1, 77)
        cuda.atomic.compare_and_swap(x[i], 2, 88)


@case(3, 8, lambda rng, t: (whole(rng, 24, t, 0, 40), np.zeros(1, t)), "int32 int64")
@cuda.jit
def maximum_by_swapping(x, out):
    i = cuda.grid(1)
    old = 0
    while x[i] > old:
        found = cuda.atomic.cas(out, 0, old, x[i])
        if found == old:
            break
        old = found


@case(
    3,
    16,
    lambda rng, t: (whole(rng, N, t), np.zeros(N, np.int64), np.zeros(1, np.int32)),
    "float32 int8",
)
@cuda.jit
def compact(x, kept, count):
    i = cuda.grid(1)
    if i < x.size and x[i] > 0:
        place = cuda.atomic.add(count, 0, 1)
        cuda.atomic.add(kept, place % 1, i)


# Memory of a thread, of a block


@case(2, 4, lambda rng, t: (whole(rng, (7, 5), t),), "float32 int32")
@cuda.jit
def sort_in_local(a):
    mine = cuda.local.array(5, float64)
    i = cuda.grid(1)
    if i < a.shape[0]:
        for k in range(5):
            mine[k] = a[i, k]
        for k in range(1, 5):
            key, j = mine[k], k - 1
            while j >= 0 and mine[j] > key:
                mine[j + 1] = mine[j]
                j -= 1
            mine[j + 1] = key
        for k in range(5):
            a[i, k] = mine[k]


@case(
    2,
    4,
    lambda rng, t: (
        whole(rng, (7, 4), t, 0, 4),
        whole(rng, (7, 4), t, 0, 4),
        np.zeros(7, np.int64),
    ),
    "int8 int64",
)
@cuda.jit
def edit_distance(a, b, out):
    d = cuda.local.array((5, 5), int32)
    i = cuda.grid(1)
    if i >= out.size:
        return
    for p in range(5):
        for q in range(5):
            if p == 0 or q == 0:
                d[p, q] = p + q
            else:
                change = 0 if a[i, p - 1] == b[i, q - 1] else 1
                d[p, q] = min(d[p - 1, q] + 1, d[p, q - 1] + 1, d[p - 1, q - 1] + change)
    out[i] = d[4, 4]


@case(2, 8, lambda rng, t: (whole(rng, 16, t),), "float32 int32", shared=32)
@cuda.jit
def dynamic_shared(x):
    s = cuda.shared.array(0, float32)
    t = cuda.threadIdx.x
    s[t] = x[cuda.grid(1)]
    cuda.syncthreads()
    x[cuda.grid(1)] = s[7 - t] + s.size


@case(1, 16, lambda rng, t: (whole(rng, 16, t),), "float32 int64")
@cuda.jit
def odd_even_sort(x):
    s = cuda.shared.array(16, float64)
    t = cuda.threadIdx.x
    s[t] = x[t]
    cuda.syncthreads()
    for step in range(16):
        left = 2 * t + step % 2
        if left + 1 < 16 and s[left] > s[left + 1]:
            s[left], s[left + 1] = s[left + 1], s[left]
        cuda.syncthreads()
    x[t] = s[t]


@case(1, 16, lambda rng, t: (whole(rng, 16, t),), "float32 int64")
@cuda.jit
def bitonic_sort(x):
    t = cuda.threadIdx.x
    k = 2
    while k <= 16:
        j = k // 2
        while j > 0:
            other = t ^ j
            if other > t:
                up = (t & k) == 0
                if (x[t] > x[other]) == up:
                    x[t], x[other] = x[other], x[t]
            cuda.syncthreads()
            j //= 2
        k *= 2


# Control flow


@case(5, 8, lambda rng, t: (whole(rng, N, t, 1, 30), np.zeros(N, np.int64)), "int32 int64")
@cuda.jit
def collatz(x, steps):
    i = cuda.grid(1)
    if i < x.size:
        n = x[i]
        while n > 1:
            n = n // 2 if n % 2 == 0 else 3 * n + 1
            steps[i] += 1


@case(5, 8, lambda rng, t: (whole(rng, N, t, 0, 8), np.zeros(N, np.int64)), "int32 float32")
@cuda.jit
def break_and_continue(x, out):
    i = cuda.grid(1)
    if i < x.size:
        total = 0
        for a in range(6):
            if a == 2:
                continue
            for b in range(6):
                if b > x[i]:
                    break
                if (a + b) % 3 == 0:
                    continue
                total += 10 * a + b
            else_ = total % 7
            if else_ == 6:
                break
        out[i] = total


@case(5, 8, lambda rng, t: (whole(rng, N, t), np.zeros(N, np.int64)), "int32 float32")
@cuda.jit
def early_returns(x, out):
    i = cuda.grid(1)
    if i >= x.size:
        return
    out[i] = 1
    for k in range(5):
        if x[i] < k - 3:
            out[i] += 100
            return
        if k == 2 and x[i] > 4:
            return
        out[i] += k
    while True:
        out[i] += 1
        if out[i] > x[i]:
            return


@case(5, 8, lambda rng, t: (whole(rng, N, t), np.zeros(N, t)), "int32 float32 uint8")
@cuda.jit
def conditional_expressions(x, y):
    i = cuda.grid(1)
    if i < x.size:
        y[i] = x[i] if x[i] > 5 else 6 if x[i] == 0 else 7 if i % 2 else 8


@case(6, 8, lambda rng, t: (whole(rng, N, t), np.zeros(48, np.int32)), "int32 float32")
@cuda.jit
def short_circuits(x, y):
    i = cuda.grid(1)
    if i < x.size and x[i] > 0 and 12 % x[i] == 0:
        y[i] = 1
    if i >= x.size or x[i] == 0 or 12 // x[i] > 2:
        y[i] += 2


@case(5, 8, lambda rng, t: (whole(rng, N, t), np.zeros(N, np.int32)), "int32 float64")
@cuda.jit
def chained_comparisons(x, y):
    i = cuda.grid(1)
    if i < x.size:
        y[i] = -3 <= x[i] < 4 != i
        if 0 < x[i] <= 5 > i % 7:
            y[i] += 2


@case(2, 8, lambda rng, t: (np.arange(12).astype(t),), "int32 int64 uint16")
@cuda.jit
def fibonacci(x):
    i = cuda.grid(1)
    if i < x.size:
        a, b = 0, 1
        for _ in range(x[i]):
            a, b = b, a + b
        x[i] = a


@case(5, 8, lambda rng, t: (whole(rng, N, t), np.zeros(N, np.int64)), "int32 int64")
@cuda.jit
def ranges_of_each_lane(x, y):
    i = cuda.grid(1)
    if i < x.size:
        for k in range(i % 3, x[i], 2):
            y[i] += k
        for k in range(x[i], -4, -3):
            y[i] += 10 * k


@case(
    3,
    4,
    lambda rng, t: (np.sort(whole(rng, 20, t)), whole(rng, 11, t), np.zeros(11, np.int64)),
    "float32 int32",
)
@cuda.jit
def binary_search(sorted_, x, place):
    i = cuda.grid(1)
    if i < x.size:
        low, high = 0, sorted_.size
        while low < high:
            middle = (low + high) // 2
            if sorted_[middle] < x[i]:
                low = middle + 1
            else:
                high = middle
        place[i] = low


@case(5, 8, lambda rng, t: (whole(rng, N, t, 1, 60), whole(rng, N, t, 1, 60)), "int32 int64 uint8")
@cuda.jit
def euclid(a, b):
    i = cuda.grid(1)
    if i < a.size:
        x, y = a[i], b[i]
        while y:
            x, y = y, x % y
        a[i] = x


@case(5, 8, lambda rng, t: (np.arange(N).astype(t), np.zeros(N, np.bool_)), "int32 int64")
@cuda.jit
def primes(x, prime):
    i = cuda.grid(1)
    if i < x.size:
        if x[i] < 2:
            return
        d = 2
        while d * d <= x[i]:
            if x[i] % d == 0:
                return
            d += 1
        prime[i] = True


@case((2, 2), (4, 4), lambda rng, t: (np.zeros((7, 6), t),), "int32 uint8")
@cuda.jit
def mandelbrot(out):
    i, j = cuda.grid(2)
    if i < out.shape[0] and j < out.shape[1]:
        x, y = i * 0.5 - 2.0, j * 0.5 - 1.5
        a = b = 0.0
        n = 0
        while n < 20 and a * a + b * b <= 4.0:
            a, b = a * a - b * b + x, 2.0 * a * b + y
            n += 1
        out[i, j] = n


# Types and arithmetic


@case(
    5,
    8,
    lambda rng, t: (whole(rng, N, t), whole(rng, N, t), np.zeros((N, 3), t)),
    "int32 int64 float32 float64 uint8",
)
@cuda.jit
def divide(x, y, out):
    i = cuda.grid(1)
    if i < x.size and y[i] != 0:
        out[i, 0] = x[i] // y[i]
        out[i, 1] = x[i] % y[i]
        out[i, 2] = int(x[i]) / 4


@case(5, 8, lambda rng, t: (whole(rng, N, t), np.zeros((N, 6), t)), "int32 int64 uint32 uint8")
@cuda.jit
def bit_by_bit(x, out):
    i = cuda.grid(1)
    if i < x.size:
        out[i, 0] = x[i] << 3
        out[i, 1] = x[i] >> 1
        out[i, 2] = x[i] & 6
        out[i, 3] = x[i] | 9
        out[i, 4] = x[i] ^ 5
        out[i, 5] = ~x[i] & 15


@case(
    5, 8, lambda rng, t: (np.full(N, 250, np.int64), np.zeros(N, t)), "int32 int64 uint32 float32"
)
@cuda.jit
def stores_convert(x, y):
    i = cuda.grid(1)
    if i < x.size:
        y[i] = (x[i] + i) * 0.5 if i % 2 == 0 else x[i] + i


@case(
    5,
    8,
    lambda rng, t: (rng.normal(0, 9, N).astype(t), np.zeros((N, 4), np.int64)),
    "float32 float64",
)
@cuda.jit
def floats_to_ints(x, y):
    i = cuda.grid(1)
    if i < x.size:
        y[i, 0] = int(x[i])
        y[i, 1] = int(math.floor(x[i]))  # noqa: RUF046, a float in CUDA
        y[i, 2] = round(x[i])
        y[i, 3] = int64(x[i]) + int32(x[i])


@case(
    5,
    8,
    lambda rng, t: (whole(rng, N, t, 0, 2), whole(rng, N, t, 0, 2), np.zeros((N, 4), np.bool_)),
    "bool int32 float32",
)
@cuda.jit
def logic(a, b, out):
    i = cuda.grid(1)
    if i < a.size:
        p, q = a[i] != 0, bool(b[i])
        out[i, 0] = p and not q
        out[i, 1] = p or q
        out[i, 2] = p == q
        out[i, 3] = not (a[i] or b[i])


@case(
    5,
    8,
    lambda rng, t: (whole(rng, N, t), whole(rng, N, t), np.zeros((N, 4), t)),
    "int32 int64 float32 float64",
)
@cuda.jit
def builtins(x, y, out):
    i = cuda.grid(1)
    if i < x.size:
        out[i, 0] = min(x[i], y[i], 3)
        out[i, 1] = max(x[i], y[i])
        out[i, 2] = abs(x[i] - y[i])
        out[i, 3] = pow(x[i], 2) + x[i] ** 3


# Each function is within two units in the last place in both libraries; sums add what they round.
@case(
    5,
    8,
    lambda rng, t: (rng.uniform(0.1, 0.9, N).astype(t), np.zeros((N, 6), t)),
    "float32 float64",
    tolerance=32,
)
@cuda.jit
def functions_of_math(x, y):
    i = cuda.grid(1)
    if i < x.size:
        y[i, 0] = math.sqrt(x[i]) + math.exp(x[i]) + math.log(x[i] + 1)
        y[i, 1] = math.sin(x[i]) * math.cos(x[i]) + math.tan(x[i])
        y[i, 2] = math.atan2(x[i], 2) + math.hypot(x[i], 1)
        y[i, 3] = math.pow(x[i], 3) + math.fabs(-x[i]) + math.copysign(2, -x[i])
        y[i, 4] = math.tanh(x[i]) + math.erf(x[i]) + math.log2(x[i]) + math.asin(x[i])
        y[i, 5] = math.ceil(x[i]) + math.floor(-x[i]) + math.isnan(x[i])


@case(2, 8, lambda rng, t: (whole(rng, 11, t), whole(rng, 11, t), np.zeros((11, 7), t)), "float16")
@cuda.jit
def half_precision(x, y, out):
    i = cuda.grid(1)
    if i < x.size:
        out[i, 0] = cuda.fp16.hadd(x[i], y[i])
        out[i, 1] = cuda.fp16.hmul(x[i], y[i])
        out[i, 2] = cuda.fp16.hfma(x[i], y[i], x[i])
        out[i, 3] = cuda.fp16.hmax(x[i], cuda.fp16.hneg(y[i]))
        out[i, 4] = cuda.fp16.hsqrt(cuda.fp16.habs(x[i]))
        out[i, 5] = x[i] * y[i] - x[i]
        out[i, 6] = cuda.fp16.hle(x[i], y[i])


@case(
    5,
    8,
    lambda rng, t: (rng.integers(1, 2**20, N).astype(t), np.zeros((N, 4), np.int64)),
    "int32 uint32",
)
@cuda.jit
def bit_functions(x, out):
    i = cuda.grid(1)
    if i < x.size:
        out[i, 0] = cuda.popc(x[i])
        out[i, 1] = cuda.clz(x[i])
        out[i, 2] = cuda.ffs(x[i])
        out[i, 3] = cuda.brev(x[i])


@case(
    5,
    8,
    lambda rng, t: (whole(rng, N, t), whole(rng, N, t), np.zeros((N, 2), t)),
    "float32 float64",
)
@cuda.jit
def select_and_fuse(x, y, out):
    i = cuda.grid(1)
    if i < x.size:
        out[i, 0] = cuda.selp(x[i] > y[i], x[i], y[i])
        out[i, 1] = cuda.fma(x[i], y[i], x[i])


@case(
    5,
    8,
    lambda rng, t: (whole(rng, N, "float32").astype(t), np.zeros(N, t)),
    "complex64 complex128",
)
@cuda.jit
def complex_numbers(x, y):
    i = cuda.grid(1)
    if i < x.size:
        z = x[i] + 2j
        y[i] = z * z - 1


@case(
    2, 8, lambda rng, t: ((whole(rng, 11, t), whole(rng, 11, t)), np.zeros(11, t)), "float32 int64"
)
@cuda.jit
def tuple_of_arrays(pair, out):
    i = cuda.grid(1)
    if i < out.size:
        out[i] = pair[0][i] - pair[1][i]


@case(5, 8, lambda rng, t: (whole(rng, N, t), np.zeros((N, N), t)), "float32 int32")
@cuda.jit
def all_pairs(x, d):
    i = cuda.grid(1)
    if i < x.size:
        for j in range(i):
            d[i, j] = abs(x[i] - x[j])
            d[j, i] = d[i, j]


@case(
    3,
    16,
    lambda rng, t: (whole(rng, 41, t, 0, 3), whole(rng, 2, t, 0, 3), np.zeros(1, np.int32)),
    "uint8 int64",
)
@cuda.jit
def count_matches(text, word, count):
    i = cuda.grid(1)
    if i + word.size <= text.size:
        hit = True
        for k in range(word.size):
            if text[i + k] != word[k]:
                hit = False
                break
        if hit:
            cuda.atomic.add(count, 0, 1)


# What the two machines do differently, on purpose


@cuda.jit
def unguarded_increment(count):
    count[0] += 1


@cuda.jit
def barrier_for_some(x):
    t = cuda.threadIdx.x
    if t < 4:
        cuda.syncthreads()
    x[t] = t


@cuda.jit
def two_arrays_on_a_line(x):
    # fmt: off
    a = cuda.shared.array(4, float64); b = cuda.shared.array(4, float64)  # noqa: E702
    # fmt: on
    t = cuda.threadIdx.x
    a[t] = 1
    b[t] = 2
    cuda.syncthreads()
    x[t] = a[t]


@cuda.jit
def grid_barrier(x, y):
    b = cuda.blockIdx.x
    x[b] = b + 1
    cuda.cg.this_grid().sync()
    y[b] = x[1 - b]


def differences():
    """Launch the kernels above, those that the machine allows; return what their arrays hold."""
    one, eight, four, pair, other = (np.zeros(n) for n in (1, 8, 4, 2, 2))
    two_arrays_on_a_line[1, 4](four)
    grid_barrier[2, 1](pair, other)
    if os.environ.get("NUMBA_ENABLE_CUDASIM") == "1":
        unguarded_increment[1, 8](one)
        barrier_for_some[1, 8](eight)
    found = {"two_arrays_on_a_line": four, "grid_barrier": other}
    return found | {"unguarded_increment": one, "barrier_for_some": eight}


if __name__ == "__main__":
    sys.setswitchinterval(1e-4)  # the simulator's threads poll: this makes them take turns
    np.savez(sys.argv[1], **results(), **differences())
