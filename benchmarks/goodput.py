"""Real kills: where goodput peaks over the interval between checkpoints, beside Young and Daly.

A small training in a process of its own saves to a file every so many steps, and is ended by
SIGKILL at exponential times. First a calm run measures the step and the checkpoint. Then all
intervals meet the same times, a block of kills each in turn; step, checkpoint and restart are
measured in the same runs, and the formulas take their medians. Goodput is the time of the steps
that lasted over all time.

Run with: python benchmarks/goodput.py [seconds, 240 by default]
"""

import sys

import numpy as np

from dlpar.resilience.goodput import daly_interval, expected_goodput, peak, young_interval
from dlpar.resilience.kills import train_under_kills

MTBF, BALLAST = 0.3, 1_000_000  # s; bytes, so that a checkpoint takes a few ms
FACTORS = np.geomspace(1 / 3, 3, 5)
KILLS = 40  # in one block


def main(budget):
    calm = train_under_kills(300, 30, [], BALLAST)
    about = daly_interval(calm.delta, MTBF)
    counts = [max(1, round(f * about / calm.step)) for f in FACTORS]
    blocks = max(1, round(budget / (len(counts) * KILLS * MTBF)))
    rng = np.random.default_rng(0)
    runs = []
    for _ in range(blocks):  # the blocks take turns, so that a busy machine is busy for all
        gaps = rng.exponential(MTBF, KILLS)
        runs.append([train_under_kills(None, every, gaps, BALLAST) for every in counts])
    everything = [run for block in runs for run in block]
    step, restart = (np.median([getattr(r, k) for r in everything]) for k in ("step", "restart"))
    delta = np.median([r.delta for r in everything if r.delta])
    mtbf = np.sum([r.wall for r in everything]) / (KILLS * len(everything))
    print(f"step {1e3 * step:.2f} ms, checkpoint {1e3 * delta:.1f} ms, ", end="")
    print(f"restart {1e3 * restart:.1f} ms, MTBF {1e3 * mtbf:.0f} ms, {KILLS * blocks} kills each")
    measured = []
    for k, every in enumerate(counts):
        of = [block[k] for block in runs]
        measured.append(sum(r.saved * r.step for r in of) / sum(r.wall for r in of))
        low, high = np.quantile([r.goodput for r in of], [0.25, 0.75])
        wanted = expected_goodput(every * step, delta, mtbf, restart)
        print(f"{every:5} steps, {1e3 * every * step:6.1f} ms: goodput {measured[-1]:.3f} ", end="")
        print(f"(blocks' IQR {low:.3f} to {high:.3f}), by formula {wanted:.3f}")
    found = peak(np.array(counts) * step, measured)
    young, daly = young_interval(delta, mtbf), daly_interval(delta, mtbf)
    print(f"peak at {1e3 * found:.1f} ms; Young {1e3 * young:.1f} ms, Daly {1e3 * daly:.1f} ms; ")
    print(f"peak / Daly = {found / daly:.2f} (to be within 20 %)")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 240)
