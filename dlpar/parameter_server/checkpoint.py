"""A server's state in one file: it is there as a whole, or as it was before."""

import contextlib
import os
import tempfile
from pathlib import Path

import numpy as np

from dlpar.parameter_server.history import Applied

COUNTS = ("pushed", "included", "joined", "dropped")  # worker -> clock


def save_shard(path, shard, optimizer):
    """Write `shard`, a ReliableShard, and what its optimiser remembers to `path`, an .npz.

    All that the next gradients' effect depends on: weights, clocks, who is at work, gradients held
    back, history, and `memory_of(optimizer)`. Pulls are not kept: who waits asks again.

    The file takes the place of an older one in one step (`os.replace`), when it is on the disk: a
    process that is killed at any moment leaves the old one or the new one.
    Cost: n elements of weights, the memory's, n for each gradient held, and 4 a gradient applied.
    """
    held = list(shard.held.items())
    state = {
        "weights": shard.weights,
        "entries": shard.entries,
        "at_work": list(shard.at_work),
        "history": np.array(shard.history, np.int64).reshape(-1, len(Applied._fields)),
        "held_of": np.array([(*key, version) for key, (version, _) in held], np.int64),
        "held": np.array([gradient for _, (_, gradient) in held], shard.weights.dtype),
    }
    for name in COUNTS:
        state[name] = np.array(list(getattr(shard, name).items()), np.int64).reshape(-1, 2)
    for name, value in memory_of(optimizer).items():
        state[f"optimizer.{name}"] = value
    with in_one_step(path) as file:
        np.savez(file, **state)


@contextlib.contextmanager
def in_one_step(path):
    """Yield a file for bytes that takes the place of `path` at the end, when it is on the disk."""
    path = Path(path)
    handle, written = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(written, path)
    except BaseException:
        Path(written).unlink(missing_ok=True)
        raise


def load_shard(path, shard, optimizer):
    """Bring `shard` and `optimizer`, made as the saved ones were, to the state in `path`.

    The weights are changed in place. Workers then `join`, and go on at the clock they are told.
    Raises ValueError if the weights' number or dtype is another; FileNotFoundError.
    """
    with np.load(path, allow_pickle=False) as state:
        weights = state["weights"]
        if (weights.shape, weights.dtype) != (shard.weights.shape, shard.weights.dtype):
            raise ValueError(
                f"{path} has {weights.size} weights of {weights.dtype}, the shard "
                f"{shard.weights.size} of {shard.weights.dtype}"
            )
        shard.weights[:] = weights
        shard.entries = int(state["entries"])
        shard.at_work = dict.fromkeys(state["at_work"].tolist())
        shard.history = [Applied(*row) for row in state["history"].tolist()]
        for name in COUNTS:
            setattr(shard, name, dict(state[name].tolist()))
        shard.held = {
            (clock, worker): (version, gradient.copy())
            for (clock, worker, version), gradient in zip(
                state["held_of"].tolist(), state["held"], strict=True
            )
        }
        for name in state.files:
            if name.startswith("optimizer."):
                _recall(optimizer, name.removeprefix("optimizer."), state[name])


def memory_of(optimizer):
    """Return {name: array or number} of what an optimiser of `dlpar.optim` keeps between steps.

    Its vector of parameters and its scratch space are not among them.
    """
    kept = (int, float, np.ndarray)
    return {
        name: value
        for name, value in vars(optimizer).items()
        if isinstance(value, kept) and name != "params" and not name.startswith("_")
    }


def _recall(optimizer, name, value):
    """Set what the optimiser remembers: an array in place, since others may hold a view of it."""
    if value.ndim:
        getattr(optimizer, name)[:] = value
    else:
        setattr(optimizer, name, value.item())
