"""Does not see that a reader misses its own last gradient."""

import numpy as np

CAUGHT = r"not found|shows it first"


def audit(start, gradients, reads):
    workers, clocks, d = gradients.shape
    columns = gradients.reshape(-1, d).T  # (d, workers * clocks)
    missing, twice = {}, {}  # (worker, clock): the first read that shows it
    for i, (_, _, weights) in enumerate(reads):
        counts = np.linalg.lstsq(columns, start - weights, rcond=None)[0]
        counts = np.rint(counts).reshape(workers, clocks)
        for w, c in np.ndindex(workers, clocks):
            due = counts[w, c + 1 :].any()
            if due and counts[w, c] == 0:
                missing.setdefault((w, c), i)
            if counts[w, c] > 1:
                twice.setdefault((w, c), i)
    found = [("late" if counts[w, c] else "lost", w, c, i) for (w, c), i in missing.items()]
    return found + [("twice", w, c, i) for (w, c), i in twice.items()]
