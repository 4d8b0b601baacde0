"""A training that was killed and started again ends with the bits of one that never was."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from test_resilience_recovery import UPDATES, B, X, Y, small_model

from dlpar import simulate
from dlpar.optim import Momentum
from dlpar.resilience.restart import descend_from_checkpoint, supervise
from dlpar.world import Deadlock, Faults, Kill

ALONE = """
import sys
import numpy as np
from dlpar import simulate
from dlpar.optim import Adam
from dlpar.resilience.restart import descend_from_checkpoint
from test_resilience_recovery import X, Y, B, small_model

def train(comm, path):
    model = small_model()
    descend_from_checkpoint(
        model, X, Y, B, 500, 0.01, comm, 7, path, every=1, optimizer=Adam(model.params)
    )
    return model.params

print(simulate(train, 1, (sys.argv[1],)).results[0].tobytes().hex())
"""


def train(comm, path):
    model = small_model()
    optimizer = Momentum(model.params)
    first = descend_from_checkpoint(
        model, X, Y, B, UPDATES, 0.1, comm, 7, path, every=2, optimizer=optimizer
    )
    return first, model.params.copy()


def test_restarted_by_its_supervisor_it_equals_the_uninterrupted(tmp_path):
    plans = [[Kill(1, on="Sendrecv", nth=12)], [Kill(0, on="work", nth=3)], []]

    def start(ranks):
        return simulate(train, ranks, (tmp_path / "a.npz",), faults=Faults(plans.pop(0)))

    told = supervise(start, 3)
    calm = simulate(train, 3, (tmp_path / "b.npz",))
    np.testing.assert_array_equal(told.outcome.results[2][1], calm.results[2][1])
    assert told.ranks == [3, 3, 3]
    assert [words.split(":")[0] for words in told.failures] == ["Deadlock", "Deadlock"]
    assert told.outcome.results[0][0] == 4  # where the last start went on


def test_more_or_fewer_ranks_go_on_from_the_same_file(tmp_path):
    path = tmp_path / "a.npz"
    sizes = [4, 2]

    def start(ranks):
        faults = [Kill(3, on="Sendrecv", nth=20)] if ranks == 4 else []
        return simulate(train, ranks, (path,), faults=Faults(faults))

    told = supervise(start, lambda k: sizes[k])
    assert told.ranks == sizes
    first, params = told.outcome.results[0]
    assert first == 2
    np.testing.assert_allclose(params, simulate(train, 1, (tmp_path / "b.npz",)).results[0][1])


def test_the_last_failure_is_told():
    def start(_):
        raise Deadlock("rank 0 waits for rank 1")

    with pytest.raises(Deadlock, match="rank 0 waits"):
        supervise(start, 2, restarts=1)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_process_killed_at_a_random_moment_and_resumed_equals_the_uninterrupted(tmp_path, seed):
    def begin(path):
        return subprocess.Popen(
            [sys.executable, "-c", ALONE, str(path)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parent,
        )

    path = tmp_path / "state.npz"
    process = begin(path)
    limit = time.monotonic() + 30
    while not path.exists() and time.monotonic() < limit:
        time.sleep(0.01)
    time.sleep(np.random.default_rng(seed).uniform(0, 0.15))
    os.kill(process.pid, signal.SIGKILL)
    assert process.communicate(timeout=30)[0] == ""  # it was not done
    resumed = begin(path).communicate(timeout=30)[0]
    assert resumed
    assert resumed == uninterrupted(tmp_path, begin)


def uninterrupted(folder, begin):
    return begin(folder / "calm.npz").communicate(timeout=30)[0]
