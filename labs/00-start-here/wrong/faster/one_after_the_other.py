"""All runs of f, then all of g: who runs while the machine is busy has lost."""

import numpy as np

CAUGHT = r"turns=11, .*f ran twice in a row: f and g must take turns"


def faster(f, g, clock, turns):
    times = {"f": [], "g": []}
    for name, run in (("f", f), ("g", g)):
        run()
        for _ in range(turns):
            start = clock()
            run()
            times[name].append(clock() - start)
    f1, f3 = np.percentile(times["f"], [25, 75])
    g1, g3 = np.percentile(times["g"], [25, 75])
    return "f" if f3 < g1 else "g" if g3 < f1 else None
