"""Draw the picture of the README, book/_static/ring.svg: the ring allreduce on four ranks."""

from pathlib import Path

import numpy as np

from dlpar import simulate
from dlpar.collectives import ring_allreduce
from dlpar.figures import space_time

PICTURE = Path(__file__).parents[1] / "_static" / "ring.svg"


def draw(path):
    """Simulate the ring and write its space-time diagram to `path`."""
    outcome = simulate(lambda comm: ring_allreduce(np.ones(100_000), comm), ranks=4)
    space_time(outcome.trace).save(path)


if __name__ == "__main__":
    draw(PICTURE)
