"""Returns the name of the one that took longer."""

import numpy as np

CAUGHT = r"turns=11, .*your function returned 'g', not 'f'"


def faster(f, g, clock, turns):
    f()
    g()
    times = {"f": [], "g": []}
    for _ in range(turns):
        for name, run in (("f", f), ("g", g)):
            start = clock()
            run()
            times[name].append(clock() - start)
    f1, f3 = np.percentile(times["f"], [25, 75])
    g1, g3 = np.percentile(times["g"], [25, 75])
    return "g" if f3 < g1 else "f" if g3 < f1 else None
