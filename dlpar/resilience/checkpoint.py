"""A training's state in one file: it comes back bit for bit, or not at all.

What the next step depends on: the parameters, what the optimiser remembers, the state of the
generator, the number of the step. A file that was cut short, damaged, or made for another model is
refused before anything has changed.
"""

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dlpar.parameter_server import memory_of
from dlpar.parameter_server.checkpoint import in_one_step

FORMAT = "dlpar training state 1"


class Restored(NamedTuple):
    """What a checkpoint says beside what it restores in place."""

    step: int
    extra: dict[str, np.ndarray]


def save_state(path, params, optimizer=None, rng=None, step=0, **extra):
    """Write a training's state to `path`, an .npz with a checksum.

    params : (d,) float array.
    optimizer : of `dlpar.optim`, for what it remembers; None for SGD, or where none is needed.
    rng : numpy Generator, or None.
    step : how many updates have been made.  extra : further arrays, by name.

    The file takes the place of an older one in one step (`os.replace`), when it is on the disk: a
    process that is killed at any moment leaves the old one or the new one.
    Cost: the bytes of the arrays and about 2 KiB.
    """
    packed = pack_state(params, optimizer, rng, step, **extra)
    with in_one_step(path) as file:
        file.write(packed)


def load_state(path, params, optimizer=None, rng=None):
    """Bring `params`, `optimizer` and `rng` to the state in `path`, in place; return Restored.

    They are made as the saved ones were: same size and dtype, same class.
    Raises ValueError if the file is damaged, or not of this format, or not of such a training;
    then nothing has changed. FileNotFoundError.
    """
    return unpack_state(Path(path).read_bytes(), params, optimizer, rng, name=str(path))


def pack_state(params, optimizer=None, rng=None, step=0, **extra):
    """Return the bytes that `save_state` writes: a snapshot for memory, or for another rank."""
    arrays = {
        "format": np.array(FORMAT),
        "params": params,
        "step": np.array(step, np.int64),
        "optimizer": np.array(type(optimizer).__name__),
        "rng": np.array("" if rng is None else json.dumps(_plain(rng.bit_generator.state))),
    }
    for name, value in memory_of(optimizer).items() if optimizer is not None else ():
        arrays[f"optimizer.{name}"] = np.asarray(value)
    for name, value in extra.items():
        arrays[f"extra.{name}"] = np.asarray(value)
        if arrays[f"extra.{name}"].dtype.hasobject:
            raise TypeError(f"{name} must be an array of numbers or text, got {value!r}")
    file = io.BytesIO()
    np.savez(file, checksum=_checksum(arrays), **arrays)
    return file.getvalue()


def unpack_state(packed, params, optimizer=None, rng=None, name="the state"):
    """Do what `load_state` does with the bytes that `pack_state` made."""
    arrays = _read(packed, name)
    memory = {k.partition(".")[2]: v for k, v in arrays.items() if k.startswith("optimizer.")}
    _check_params(arrays["params"], params, name)
    _check_memory(str(arrays["optimizer"]), memory, optimizer, name)
    state = _checked_generator(str(arrays["rng"]), rng, name)
    if state is not None:
        rng.bit_generator.state = state
    params[:] = arrays["params"]
    if optimizer is not None:
        _recall(optimizer, memory)
    extra = {k.partition(".")[2]: v for k, v in arrays.items() if k.startswith("extra.")}
    return Restored(int(arrays["step"]), extra)


def _read(packed, name):
    """Return the arrays of a packed state. ValueError if they are not what was packed."""
    try:
        with np.load(io.BytesIO(packed), allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
        found, is_ours = arrays.pop("checksum"), str(arrays["format"]) == FORMAT
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"{name} is damaged, or no training state: {error}") from error
    except (NotImplementedError, RuntimeError, SyntaxError, OverflowError, MemoryError) as error:
        raise ValueError(f"{name} is damaged: {error}") from error
    if not np.array_equal(found, _checksum(arrays)):
        raise ValueError(f"{name} is damaged: its checksum does not fit what is in it")
    if not is_ours:
        raise ValueError(f"{name} is of format {arrays['format']}, not {FORMAT}")
    return arrays


def _checksum(arrays):
    """Return 16 bytes that depend on every name, dtype, shape and bit, (16,) uint8."""
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {arrays[name].shape};".encode())
        digest.update(array.view(np.uint8).data if array.size else b"")
    return np.frombuffer(digest.digest(), np.uint8)


def _check_params(saved, params, name):
    if (saved.shape, saved.dtype) != (params.shape, params.dtype):
        raise ValueError(
            f"{name} has {saved.size} parameters of {saved.dtype}, the model {params.size} of "
            f"{params.dtype}"
        )


def _check_memory(kind, memory, optimizer, name):
    if kind != type(optimizer).__name__:
        raise ValueError(f"{name} is of a training by {kind}, not {type(optimizer).__name__}")
    for key, value in memory.items():
        here = getattr(optimizer, key)
        if isinstance(here, np.ndarray) and (here.shape, here.dtype) != (value.shape, value.dtype):
            raise ValueError(f"{name} has {key} of {value.shape}, the optimiser of {here.shape}")


def _checked_generator(text, rng, name):
    """Return the state that the generator is to have, or None."""
    if bool(text) != (rng is not None):
        raise ValueError(f"{name} has {'a' if text else 'no'} generator, the training another")
    if rng is None:
        return None
    state: dict[str, Any] = json.loads(text)
    if state["bit_generator"] != type(rng.bit_generator).__name__:
        raise ValueError(f"{name} has the state of a {state['bit_generator']}")
    return state


def _recall(optimizer, memory):
    """Set what the optimiser remembers: an array in place, since others may hold a view of it."""
    for name in memory_of(optimizer).keys() - memory.keys():
        setattr(optimizer, name, None)  # what it learns at its first step, as PolyakMomentum's lr
    for name, value in memory.items():
        here = getattr(optimizer, name)
        if isinstance(here, np.ndarray):
            here[:] = value
        else:
            setattr(optimizer, name, value.item())


def _plain(state):
    """Return a generator's state as JSON can hold it."""
    if isinstance(state, dict):
        return {key: _plain(value) for key, value in state.items()}
    return state.tolist() if isinstance(state, np.ndarray) else state
