"""The first turn is cold, and counts like the others."""

import numpy as np

CAUGHT = r"turns=11, .*f was called 11 times, par is 12"


def faster(f, g, clock, turns):
    times = {"f": [], "g": []}
    for _ in range(turns):
        for name, run in (("f", f), ("g", g)):
            start = clock()
            run()
            times[name].append(clock() - start)
    f1, f3 = np.percentile(times["f"], [25, 75])
    g1, g3 = np.percentile(times["g"], [25, 75])
    return "f" if f3 < g1 else "g" if g3 < f1 else None
