"""Messages a second in `simulate` on a topology: without sharing, and where flows contend.

Ring: the messages of simulate_speed.py on a star, where no link is shared; beside it the flat
Network's rate in the same rounds. Shared: pairs over one link, two flows at a time on each; every
start and end finds their rates anew. Exchange: each rank with partners across a two-level fat tree
whose uplinks are oversubscribed 4 : 1, so that many flows contend on each.
Run with: python benchmarks/network_speed.py
"""

import time

import numpy as np

from dlpar import simulate
from dlpar.world import Link, Topology
from dlpar.world.presets import fat_tree, star

RANKS = (8, 64, 256)
MESSAGES = 50_000  # of each simulation, all ranks together
ROUNDS = 5


def pass_round(comm, rounds):
    mine, theirs = np.zeros(16), np.empty(16)
    left, right = (comm.rank - 1) % comm.size, (comm.rank + 1) % comm.size
    for _ in range(rounds):
        comm.Sendrecv(mine, right, 0, theirs, left, 0)


def cross(comm, rounds):
    mine, theirs = np.zeros(16), np.empty(16)
    other = (comm.rank + comm.size // 2) % comm.size
    for _ in range(rounds):
        comm.Sendrecv(mine, other, 0, theirs, other, 0)


def shared_links(p):
    """Return a star whose links carry two ranks each."""
    names = [f"d{r}" for r in range(p)]
    links = [Link(name, f"s{r // 2}", 1e-6, 1e10) for r, name in enumerate(names)]
    links += [Link(f"s{i}", "core", 1e-6, 1e10) for i in range(p // 2)]
    return Topology(links, names)


CASES = {
    "flat, ring": (pass_round, lambda p: None),
    "star, ring": (pass_round, star),
    "shared": (cross, shared_links),
    "exchange": (cross, lambda p: fat_tree(4, p // 4, oversubscription=4)),
}


def rate(program, ranks, network):
    """Return messages a second of processor time: other programs' turns do not count."""
    rounds = MESSAGES // ranks
    start = time.process_time()
    simulate(program, ranks, (rounds,), network)
    return ranks * rounds / (time.process_time() - start)


def main():
    """Print the table."""
    print(f"{'case':>12} {'ranks':>6} {'messages/s':>12} {'IQR':>21} {'us a message':>13}")
    rates = [
        [[rate(program, p, make(p)) for p in RANKS] for program, make in CASES.values()]
        for _ in range(ROUNDS)
    ]
    quartiles = np.percentile(rates, [25, 50, 75], axis=0)
    for i, name in enumerate(CASES):
        for j, p in enumerate(RANKS):
            q1, median, q3 = quartiles[:, i, j]
            spread = f"{q1:10,.0f}-{q3:<10,.0f}"
            print(f"{name:>12} {p:6} {median:12,.0f} {spread} {1e6 / median:13.2f}")


if __name__ == "__main__":
    main()
