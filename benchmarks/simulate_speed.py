"""Messages a second in `simulate`, with payload and trace, at 8, 64 and 1,024 ranks, in turns.

Every rank sends 128 bytes to its right neighbour and receives as many from its left, again and
again: each message is checked, copied, timed, matched and recorded, and costs one switch of rank.
Run with: python benchmarks/simulate_speed.py
"""

import time

import numpy as np

from dlpar import simulate

RANKS = (8, 64, 1024)
MESSAGES = 200_000  # of each simulation, all ranks together
ROUNDS = 7


def pass_round(comm, rounds):
    mine, theirs = np.zeros(16), np.empty(16)
    left, right = (comm.rank - 1) % comm.size, (comm.rank + 1) % comm.size
    for _ in range(rounds):
        comm.Sendrecv(mine, right, 0, theirs, left, 0)


def rate(ranks, kept="rows"):
    """Return messages a second of processor time: other programs' turns do not count."""
    rounds = MESSAGES // ranks
    start = time.process_time()
    simulate(pass_round, ranks, (rounds,), trace=kept)
    return ranks * rounds / (time.process_time() - start)


def main():
    """Print the table."""
    rates = np.array([[rate(p) for p in RANKS] for _ in range(ROUNDS)])
    print(f"{'ranks':>6} {'messages/s':>12} {'IQR':>21} {'us a message':>13}")
    for p, column in zip(RANKS, rates.T, strict=True):
        q1, median, q3 = np.percentile(column, [25, 50, 75])
        print(f"{p:6} {median:12,.0f} {q1:10,.0f}-{q3:<10,.0f} {1e6 / median:13.2f}")
    counted = [rate(p, "counts") / rates[-1][i] for i, p in enumerate(RANKS)]
    print("without rows of the trace:", ", ".join(f"{r:.2f} x" for r in counted))
    ratio = np.median(rates[:, -1] / rates[:, 0])
    print(f"{RANKS[-1]} ranks against {RANKS[0]}, round by round: {ratio:.2f} times the rate")


if __name__ == "__main__":
    main()
