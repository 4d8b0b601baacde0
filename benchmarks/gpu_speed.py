"""The lock-step machine beside Numba's simulator: the same kernels, the same inputs, in one run.

Every kernel of the book runs on its example (inputs/launches.py) on both; those that talk
within a warp run on ours only, for Numba's simulator has no such functions. Both give the same
results, or the run fails. Numba's times are of one launch each, after a first one of another
kernel; ours are medians of several. Both count from arrays on the device to results there.
Run with: python benchmarks/gpu_speed.py
"""

import math
import os
import pickle
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__)
sys.path.append(str(HERE.parent / "inputs"))

ROUNDS, LONGEST = 7, 1.0  # launches of ours, at most; s after which there are no more
LIMIT = 400  # s for Numba's simulator
MATMUL = "matmul.matmul_tiled, 64 x 64"
BIG = 512  # side of the large product
# What is promised: times faster with the checks off, and with every check on.
BARS = {MATMUL: (1000, 400), "geometric mean": (300, 150)}
BIG_BAR, PROFILE_BAR = 5.0, 3.0  # s with the checks off; times the launch with its checks


def examples():
    """Return the examples of the book's kernels, and the product that everybody measures."""
    from launches import LAUNCHES, Example, filled

    from dlpar.kernels.matmul import TILE, matmul_tiled

    square = (64, 64)
    product = Example(matmul_tiled, (4, 4), (TILE, TILE), filled(square, square, square))
    return {MATMUL: product, **LAUNCHES}


def prepared(example):
    """Return the example's arguments with their arrays on the device."""
    from dlpar.gpu import cuda

    return [cuda.to_device(a) if isinstance(a, np.ndarray) else a for a in example.args()]


def results(args):
    """Return what the arrays hold."""
    return [a.copy_to_host() for a in args if hasattr(a, "copy_to_host")]


def take_numbas_names():
    """Let `from dlpar.gpu import cuda, float32` mean Numba's, for kernels not yet imported."""
    from numba import cuda, types

    from dlpar import gpu

    gpu.cuda = cuda
    for name in set(gpu.__all__) & set(dir(types)):
        setattr(gpu, name, getattr(types, name))


def simulate(file):
    """Run on Numba's simulator: write {name: (s, results)} to `file`."""
    take_numbas_names()
    found = {}
    chosen = {name: example for name, example in examples().items() if example.simulator}
    first = next(iter(reversed(chosen.values())))
    first.launch(*prepared(first))  # imports, and what else happens once
    for name, example in chosen.items():
        args = prepared(example)
        start = time.perf_counter()
        example.launch(*args)
        found[name] = time.perf_counter() - start, results(args)
    Path(file).write_bytes(pickle.dumps(found))


def simulated():
    """Return what `simulate` finds in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "found"
        environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "DLPAR_GPU": "lockstep"}
        argv = [sys.executable, HERE, "simulate", file]
        subprocess.run(argv, env=environment, check=True, timeout=LIMIT)
        return pickle.loads(file.read_bytes())


def median(call):
    """Return the median of some calls of `call()`, s of wall time, after one more."""
    times, end = [], time.perf_counter() + LONGEST
    call()
    while not times or (len(times) < ROUNDS and time.perf_counter() < end):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def ratio(first, second):
    """Return the median of how much longer `second()` takes than `first()`, in turns.

    Processor time: other programs' turns do not count.
    """
    found = []
    for _ in range(2 * ROUNDS):
        start = time.process_time()
        first()
        middle = time.process_time()
        second()
        found.append((time.process_time() - middle) / (middle - start))
    return float(np.median(found))


def ours(example):
    """Return (s without checks, s with all, what a profile costs, results of the first launch)."""
    from dlpar.gpu import checks, profile

    args, launch = prepared(example), example.launch
    launch(*args)
    first = results(args)
    with checks(False):
        bare = median(lambda: launch(*args))
    with checks(True):
        checked = median(lambda: launch(*args))
    cost = ratio(lambda: launch(*args), lambda: profile(launch, *args))  # the default checks
    return bare, checked, cost, first


def large_product():
    """Return the s of a tiled product of BIG x BIG matrices with the checks off."""
    from dlpar.gpu import checks, cuda
    from dlpar.kernels.matmul import matmul

    a = cuda.to_device(np.ones((BIG, BIG), np.float32))
    with checks(False):
        start = time.perf_counter()
        matmul(a, a)
        return time.perf_counter() - start


def verdict(what, value, bar, met, form):
    """Print one promise, and return whether it is kept."""
    print(f"{what:52} {value:{form}}, promised {bar:{form}}: {'met' if met else 'NOT MET'}")
    return met


def geometric_mean(ratios):
    return math.exp(np.mean(np.log(ratios)))


def main():
    """Print the table and the promises; return whether all are kept."""
    theirs, speedups, profiles = simulated(), {}, {}
    print(f"{'':38} {'Numba s':>9} {'ms':>8} {'checked':>8} {'faster':>8} {'checked':>8} profile")
    for name, example in examples().items():
        bare, checked, profiles[name], got = ours(example)
        line = f"{name:38} {{:>9}} {bare * 1e3:8.2f} {checked * 1e3:8.2f} {{:>8}} {{:>8}}"
        row = ("-",) * 3
        if name in theirs:
            seconds, expected = theirs[name]
            for one, other in zip(got, expected, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5, err_msg=name)
            speedups[name] = seconds / bare, seconds / checked
            row = (f"{seconds:.2f}", *(f"{ratio:,.0f}" for ratio in speedups[name]))
        print(line.format(*row), f"{profiles[name]:7.2f}", flush=True)
    book = [ratios for name, ratios in speedups.items() if name != MATMUL]
    speedups["geometric mean"] = tuple(map(geometric_mean, zip(*book, strict=True)))
    big, dearest = large_product(), max(profiles, key=profiles.__getitem__)
    print(f"\n{len(book)} kernels on both machines, {len(profiles) - 1} on ours")
    kept = [
        verdict(f"{name}, {how}: times faster", value, bar, value >= bar, ",.0f")
        for name, bars in BARS.items()
        for how, value, bar in zip(("unchecked", "checked"), speedups[name], bars, strict=True)
    ]
    kept += [
        verdict(f"{BIG} x {BIG} product: s", big, BIG_BAR, big <= BIG_BAR, ".2f"),
        verdict(f"profiling at most ({dearest}): times", profiles[dearest], PROFILE_BAR,
                profiles[dearest] <= PROFILE_BAR, ".2f"),
    ]  # fmt: skip
    return all(kept)


if __name__ == "__main__":
    if sys.argv[1:2] == ["simulate"]:
        simulate(sys.argv[2])
    else:
        sys.exit(not main())
