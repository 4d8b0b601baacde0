"""Every collective does the same in both worlds: results, messages and bytes, rank by rank."""

import inspect
from pathlib import Path

import numpy as np
import pytest

from dlpar import collectives, run, simulate
from dlpar.collectives import chooser, in_network_allreduce

pytestmark = pytest.mark.mpi

NAMES = [name for name in collectives.__all__ if "_" in name]  # choose and classes have no "_"
EVERY = [getattr(collectives, name) for name in NAMES if name != "in_network_allreduce"]
SIZES = (0, 1, 5, 17, 4096, 20_000)  # fewer than p, uneven, and above MPI's eager limit


def program(comm, x):
    """Run every collective on each vector of `x`; return {(name, n): what this rank got}."""
    got = {}
    for n, rows in x.items():
        mine = rows[comm.rank]
        for f in EVERY:
            if f.__name__.endswith("allgather"):
                chunk = np.array_split(mine, comm.size)[comm.rank].copy()
                got[f.__name__, n] = f(chunk, comm, n)
            else:
                got[f.__name__, n] = f(mine, comm)
        if comm.size > 1:
            got["in_network_allreduce", n] = in_network_allreduce(mine, comm, 3)
    return got


@pytest.fixture(scope="module")
def six_engines():
    run(lambda comm: None, ranks=6)


@pytest.mark.parametrize("p", range(1, 7))
def test_every_collective_does_the_same_in_both_worlds(six_engines, p):
    rng = np.random.default_rng(p)
    x = {n: rng.integers(-9, 10, (p, n)).astype("float32") for n in SIZES}
    real, virtual = (world(program, ranks=p, args=(x,)) for world in (run, simulate))
    assert len(real.results[0]) >= len(EVERY) * len(SIZES)
    for mine, same in zip(real.results, virtual.results, strict=True):
        np.testing.assert_equal(mine, same)
    np.testing.assert_array_equal(real.trace.messages_sent, virtual.trace.messages_sent)
    np.testing.assert_array_equal(real.trace.bytes_sent, virtual.trace.bytes_sent)
    told = [sorted(m[:4] for m in out.trace.messages) for out in (real, virtual)]
    assert told[0] == told[1]


def test_collectives_know_comm_only_and_nothing_that_runs_them():
    folder = Path(inspect.getfile(chooser)).parent
    importers = {
        path.name for path in folder.glob("*.py") if "dlpar.world import" in path.read_text()
    }
    assert importers <= {"chooser.py", "report.py", "prediction.py"}
