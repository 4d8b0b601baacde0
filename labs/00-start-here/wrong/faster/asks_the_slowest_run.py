"""Compares the slowest of one with the fastest of the other: one disturbed run, and nobody wins."""

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
    f, g = times["f"], times["g"]
    return "f" if max(f) < min(g) else "g" if max(g) < min(f) else None
