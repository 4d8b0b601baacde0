"""Compares the medians alone: there is always a winner, also where there is none."""

import numpy as np

CAUGHT = r"turns=10, .*the ranges overlap: None is honest"


def faster(f, g, clock, turns):
    f()
    g()
    times = {"f": [], "g": []}
    for _ in range(turns):
        for name, run in (("f", f), ("g", g)):
            start = clock()
            run()
            times[name].append(clock() - start)
    return "f" if np.median(times["f"]) < np.median(times["g"]) else "g"
