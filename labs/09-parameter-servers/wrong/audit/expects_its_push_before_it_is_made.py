"""Counts the gradient that the reader is about to compute as due."""

import numpy as np

CAUGHT = r"a false alarm"


def audit(start, gradients, reads):
    workers, clocks, d = gradients.shape
    columns = gradients.reshape(-1, d).T  # (d, workers * clocks)
    missing, twice = {}, {}  # (worker, clock): the first read that shows it
    for i, (reader, clock, weights) in enumerate(reads):
        counts = np.linalg.lstsq(columns, start - weights, rcond=None)[0]
        counts = np.rint(counts).reshape(workers, clocks)
        for w, c in np.ndindex(workers, clocks):
            due = counts[w, c + 1 :].any() or (w == reader and c <= clock)
            if due and counts[w, c] == 0:
                missing.setdefault((w, c), i)
            if counts[w, c] > 1:
                twice.setdefault((w, c), i)
    found = [("late" if counts[w, c] else "lost", w, c, i) for (w, c), i in missing.items()]
    return found + [("twice", w, c, i) for (w, c), i in twice.items()]
