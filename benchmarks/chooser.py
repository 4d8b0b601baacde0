"""What `choose` picks beside the best of all candidates in the simulator, on many platforms.

Run with: python benchmarks/chooser.py
Virtual time, so the same on every machine; only the seconds that choosing took are this machine's.
"""

import time

from dlpar.collectives.chooser import Choice, candidates, choose, simulated
from dlpar.collectives.pricing import price
from dlpar.world.presets import dgx1, dgx2, fat_tree, pcie_nodes, star, torus, two_sites

PLATFORMS = {
    "star": (star(16), (5, 8, 13)),
    "pcie_nodes(2)": (pcie_nodes(2), (6, 11, 16)),
    "pcie_nodes(2), bounced": (pcie_nodes(2, bounced=True), (6, 11, 16)),
    "dgx1": (dgx1(), (3, 7, 8)),
    "dgx2": (dgx2(), (6, 16)),
    "fat_tree(4, 4, 4)": (fat_tree(4, 4, 4.0), (12, 15, 16)),
    "fat_tree(3, 8, 2)": (fat_tree(3, 8, 2.0), (24,)),
    "torus(3, 4)": (torus(3, 4), (9, 12)),
    "torus(4, 4)": (torus(4, 4), (16,)),
    "two_sites(6)": (two_sites(6), (7, 12)),
}
SIZES = [1 << i for i in range(10, 27, 2)]  # bytes


def main():
    """Print each platform's worst case, and how far prices were from times there."""
    head = f"{'platform':>24} {'ranks':>5} {'worst pick':>10} {'prices':>13} {'choose':>8}  at"
    print(head)
    for name, (topology, counts) in PLATFORMS.items():
        for p in counts:
            print(f"{name:>24} {p:5} {worst(topology, p)}", flush=True)


def worst(topology, p):
    """Return the line of one platform: the worst ratio of the pick's time to the best's."""
    tried = candidates(p, [1 << i for i in range(9)])
    cases, off, spent = [], [], 0.0
    for nbytes in SIZES:
        start = time.perf_counter()
        choice = choose(nbytes, p, topology)
        spent += time.perf_counter() - start
        all_of_them = [simulated(Choice(f, o, 0.0), nbytes, p, topology) for f, o in tried]
        best = min(all_of_them, key=lambda one: one.seconds)
        cases.append((choice.seconds / best.seconds, nbytes, choice, best))
        for f, options, seconds in all_of_them:
            off.append(price(f, nbytes, p, topology, tuple(options.items())) / seconds)
    ratio, nbytes, choice, best = max(cases, key=lambda case: case[0])
    said = "" if ratio == 1 else f"{nbytes:,} B: {_told(choice)}, best {_told(best)}"
    prices = f"{min(off):.2f} to {max(off):.2f}"
    return f"{ratio:9.3f}x {prices:>13} {spent / len(SIZES) * 1e3:5.0f} ms  {said}"


def _told(choice):
    return ", ".join([choice.allreduce.__name__, *(f"{k}={v}" for k, v in choice.options.items())])


if __name__ == "__main__":
    main()
