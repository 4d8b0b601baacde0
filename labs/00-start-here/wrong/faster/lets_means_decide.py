"""Means and deviations: one spike of f hides that all its other runs were faster."""

import numpy as np

CAUGHT = r"turns=11, .*your function returned None, not 'f'"


def faster(f, g, clock, turns):
    f()
    g()
    times = {"f": [], "g": []}
    for _ in range(turns):
        for name, run in (("f", f), ("g", g)):
            start = clock()
            run()
            times[name].append(clock() - start)
    (f, df), (g, dg) = ((np.mean(t), np.std(t)) for t in times.values())
    return "f" if f + df < g - dg else "g" if g + dg < f - df else None
