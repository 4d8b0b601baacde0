"""Lower quartile against lower, upper against upper: overlapping ranges still have a winner."""

import numpy as np

CAUGHT = r"turns=\d+, .*the ranges overlap: None is honest"


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
    return "f" if f1 < g1 and f3 < g3 else "g" if g1 < f1 and g3 < f3 else None
