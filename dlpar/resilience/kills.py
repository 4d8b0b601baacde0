"""A training that is really killed: SIGKILL at given times, and a new process from the checkpoint.

`train_under_kills` starts a supervisor, a process of its own, which has everything imported and
forks a trainer for each life: so a restart costs milliseconds, and threads of the caller are never
forked. Trainer and supervisor share one page of counters, which outlives the trainer.
"""

import contextlib
import json
import mmap
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dlpar.data import digits
from dlpar.nn import mlp
from dlpar.optim import Momentum
from dlpar.resilience.checkpoint import load_state, save_state

DONE, IN_STEPS, STEPS, IN_SAVES, SAVES, BORN = range(6)  # the page's counters, float64
SIZES, BATCH, RATE = (64, 64, 10), 32, 0.05


class Killed(NamedTuple):
    """What `train_under_kills` measured."""

    params: np.ndarray  # (d,) float32, in the last checkpoint
    saved: int  # steps in it
    wall: float  # s, all lives and restarts
    lost: list[int]  # steps that each kill made undone
    step: float  # s, mean of a step
    delta: float  # s, mean of a checkpoint
    restart: float  # s, mean from a kill to the first step of the next life

    @property
    def goodput(self):
        """Time of the steps that lasted, over all time."""
        return self.saved * self.step / self.wall


def train_under_kills(steps, every, gaps, ballast=0, seed=0, timeout=60):
    """Train a small perceptron for `steps` steps in a process that is killed again and again.

    steps : after which the training ends; with fewer left than the kills allow it ends sooner.
    every : steps between two checkpoints; the last step is followed by one, too.
    gaps : s of each life, from the fork on; the one after the last kill goes on to the end, except
        if `steps` is None: then the last kill is the end.
    ballast : bytes that a checkpoint holds besides, so that it takes its time.
    timeout : s for all of it. Then, and in any case, every process that was started is ended.

    Returns Killed. Raises ValueError, TimeoutError, or RuntimeError if the trainer fails by itself.
    The result's params are those of an uninterrupted training, bit for bit.
    """
    if every < 1 or (steps is not None and steps < 1) or any(gap < 0 for gap in gaps):
        raise ValueError("steps and every must be at least 1, gaps at least 0")
    if steps is None and not len(gaps):
        raise ValueError("a training without end needs at least one gap")
    with tempfile.TemporaryDirectory() as folder:
        task = [folder, steps, every, [float(gap) for gap in gaps], ballast, seed]
        told = _supervised(json.dumps(task), timeout)
        saved, model, _ = _resumed(Path(folder) / "state.npz", seed)
    return Killed(model.params, saved, **told)


def _supervised(task, timeout):
    """Run the supervisor in a group of its own; return what it tells."""
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    argv = [sys.executable, "-m", "dlpar.resilience.kills", task]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        argv, stdout=pipe, stderr=pipe, text=True, env=env, start_new_session=True
    ) as process:
        try:
            out, errors = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"the killed training did not end within {timeout} s") from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode:
        raise RuntimeError(f"the trainer ended by itself: {errors.strip()[-2000:]}")
    return json.loads(out)


def supervise(folder, steps, every, gaps, ballast, seed):
    """Fork a trainer, kill it after each gap, fork the next; return the measured times."""
    page = memoryview(mmap.mmap(-1, 64)).cast("d")
    data = digits(np.random.default_rng(seed))
    path, lost, restarts = Path(folder) / "state.npz", [], []
    model, optimizer = _fresh(seed)
    save_state(path, model.params, optimizer)
    lives = [*gaps] if steps is None else [*gaps, None]
    started = last = time.monotonic()
    for gap in lives:
        page[BORN] = 0
        ended = _live(gap, lambda: _train(path, steps, every, ballast, seed, data, page))
        now = time.monotonic()
        if page[BORN]:
            restarts.append(page[BORN] - last)
        last = now
        if ended:
            break
        lost.append(int(page[DONE]) - _resumed(path, seed)[0] if page[BORN] else 0)
    return {
        "wall": last - started,
        "lost": lost,
        "step": page[IN_STEPS] / max(page[STEPS], 1),
        "delta": page[IN_SAVES] / max(page[SAVES], 1),
        "restart": float(np.mean(restarts)) if restarts else 0.0,
    }


def _live(gap, train):
    """Let a child `train`; kill it after `gap` s, if not None; tell whether it came to its end."""
    alive, held = os.pipe()  # only the child holds the other end: it closes when the child is dead
    child = os.fork()
    if child == 0:
        try:
            os.close(alive)
            train()
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}".encode())
            os._exit(1)
        os._exit(0)
    os.close(held)
    select.select([alive], [], [], gap)
    os.close(alive)
    if gap is not None:
        os.kill(child, signal.SIGKILL)  # it is not reaped yet, so the number is still its own
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code not in (0, -signal.SIGKILL):
        raise SystemExit(code)
    return code == 0


def _train(path, steps, every, ballast, seed, data, page):
    """Go on from the checkpoint at `path`."""
    weight = np.zeros(ballast, np.uint8)
    done, model, optimizer = _resumed(path, seed)
    page[DONE], page[BORN] = done, time.monotonic()
    while steps is None or done < steps:
        begun = time.perf_counter()
        some = np.random.default_rng([seed, done]).integers(0, len(data.x), BATCH)
        model.loss_and_grad(data.x[some], data.y[some])
        optimizer.step(model.grads, RATE)
        done += 1
        page[DONE] = done
        page[IN_STEPS] += time.perf_counter() - begun
        page[STEPS] += 1
        if done % every == 0 or done == steps:
            begun = time.perf_counter()
            save_state(path, model.params, optimizer, step=done, ballast=weight)
            page[IN_SAVES] += time.perf_counter() - begun
            page[SAVES] += 1


def _fresh(seed):
    """Return the model and its optimiser as they begin."""
    model = mlp(SIZES, np.random.default_rng(seed))
    return model, Momentum(model.params)


def _resumed(path, seed):
    """Return (steps done, model, optimiser) as the checkpoint at `path` has them."""
    model, optimizer = _fresh(seed)
    return load_state(path, model.params, optimizer).step, model, optimizer


if __name__ == "__main__":
    print(json.dumps(supervise(*json.loads(sys.argv[1]))))
