"""Wall time of a lab's check from a cold shell; the budget is 3 s.

Run with: python benchmarks/lab_check.py
"""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ROUNDS, BUDGET = 7, 3.0  # s
LAB = Path(__file__).parents[1] / "labs" / "07-collectives" / "lab.md"


def seconds():
    """Return s for `dlpar check 7` on the reference solution, which tries every input."""
    argv = [Path(sys.executable).with_name("dlpar"), "check", "7", "--notebook", LAB]
    start = time.perf_counter()
    done = subprocess.run(argv, check=True, capture_output=True, text=True)
    taken = time.perf_counter() - start
    if "3 of 3 tasks passed" not in done.stdout:
        raise RuntimeError(f"the reference did not pass:\n{done.stdout}")
    return taken


def main():
    """Print the result."""
    q1, median, q3 = np.percentile([seconds() for _ in range(ROUNDS)], [25, 50, 75])
    print(f"dlpar check 7: {median:.2f} s (IQR {q1:.2f} to {q3:.2f}), budget {BUDGET} s")


if __name__ == "__main__":
    main()
