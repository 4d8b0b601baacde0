"""One bit with error feedback at the speed of memory: 64 MB of float32 beside a copy of them.

Contenders take turns, round by round, so that noise hits all alike. The copy is NumPy's, into
memory that has been written before. The NumPy formulation is `dlpar.compress.one_bit`'s, in whose
order of sums the compiled loops work too: both give the same bits, which the run checks.

Run with: python benchmarks/one_bit.py
"""

import time

import numpy as np

from dlpar.compress.bits import pack_bits
from dlpar.compress.fast_one_bit import decode_add, encode
from dlpar.compress.one_bit import column_lengths, column_means
from dlpar.rulers import wall_of

N = 16_000_000  # elements: 64 MB
COLUMN = 512
ROUNDS, SLOW_ROUNDS = 31, 3
COPY, ENCODE, APART, TWO, DECODE, DECODE_TWO, NUMPY = (
    "memcpy", "encode", "encode, out apart", "encode, 2 threads",
    "decode and add", "decode and add, 2 threads", "encode by NumPy",
)  # fmt: skip


def by_numpy(g, residual):
    """Return words, means and the new residual, as the straightforward formulation finds them."""
    v = g + residual
    lengths = column_lengths(v.size, COLUMN)
    means = column_means(v, lengths)
    low, high = np.repeat(means, lengths, axis=0).T
    return pack_bits(v >= 0), means, v - np.where(v >= 0, high, low)


def contenders():
    """Return {name: function to be timed}; raise if NumPy and the loops differ in a bit."""
    rng = np.random.default_rng(0)
    g, residual = rng.standard_normal((2, N), np.float32)
    target, apart, total = (np.zeros(N, np.float32) for _ in range(3))
    told = encode(g, residual, COLUMN, apart)
    for mine, theirs in zip((*told, apart), by_numpy(g, residual), strict=True):
        if mine.tobytes() != theirs.tobytes():
            raise ArithmeticError("the compiled loops do not find NumPy's bits")
    return {
        COPY: lambda: np.copyto(target, g),
        ENCODE: lambda: encode(g, residual, COLUMN, residual),
        APART: lambda: encode(g, residual, COLUMN, apart),
        TWO: lambda: encode(g, residual, COLUMN, residual, threads=2),
        DECODE: lambda: decode_add(*told, COLUMN, total),
        DECODE_TWO: lambda: decode_add(*told, COLUMN, total, threads=2),
        NUMPY: lambda: by_numpy(g, residual),
    }


def measure(calls):
    """Return {name: Wall}; the slow one takes part in the first rounds only."""
    times = {name: [] for name in calls}
    for done in range(-1, ROUNDS):  # the first round warms up
        for name, call in calls.items():
            if name != NUMPY or done < SLOW_ROUNDS:
                start = time.perf_counter()
                call()
                times[name] += [time.perf_counter() - start] if done >= 0 else []
    return {name: wall_of(row) for name, row in times.items()}


def verdict(what, value, holds, bar):
    print(f"{'met' if holds else 'NOT MET':8}{what}: {value:.2f}, {bar} wanted")


def main():
    walls = measure(contenders())
    copy = walls[COPY]
    print(f"{N:,} float32, columns of {COLUMN}, {copy.cores} cores; memcpy ", end="")
    print(f"{4 * N / copy.median / 1e9:.1f} GB/s\n")
    for name, wall in walls.items():
        print(f"{name:26} {wall.time:>36} {wall.median / copy.median:8.2f} memcpy")
    print()
    ratio = walls[ENCODE].median / copy.median
    verdict("encode with error feedback, in memcpys", ratio, ratio <= 2.2, "at most 2.2")
    ratio = walls[DECODE].median / copy.median
    verdict("decode and add, in memcpys", ratio, ratio <= 1.0, "at most 1.0")
    ratio = walls[NUMPY].median / walls[ENCODE].median
    verdict("encode, faster than NumPy", ratio, ratio >= 40, "at least 40")
    for one, two in ((ENCODE, TWO), (DECODE, DECODE_TWO)):
        print(f"        {two}: {walls[one].median / walls[two].median:.2f} times as fast as one")


if __name__ == "__main__":
    main()
