"""Reports a fault once for each read that shows it."""

import numpy as np

CAUGHT = r"shows it first, not read"


def audit(start, gradients, reads):
    workers, clocks, d = gradients.shape
    columns = gradients.reshape(-1, d).T
    solved = [
        np.rint(np.linalg.lstsq(columns, start - read[2], rcond=None)[0]).reshape(workers, clocks)
        for read in reads
    ]
    found = []
    for i, (reader, clock, _) in enumerate(reads):
        for w in range(workers):
            for c in range(clocks):
                due = solved[i][w, c + 1 :].any() or (w == reader and c < clock)
                if due and solved[i][w, c] == 0:
                    found.append(("late" if solved[-1][w, c] else "lost", w, c, i))
                if solved[i][w, c] > 1:
                    found.append(("twice", w, c, i))
    return found
