"""One check of one function: try it on input after input until a promise breaks."""

import functools
import traceback
from typing import NamedTuple

from dlpar.labs.notebook import HOLE
from dlpar.labs.task import CheckFailure
from dlpar.labs.values import plain
from dlpar.world import Deadlock

SKELETON = "still a skeleton: replace its `raise NotImplementedError` with your code"


class Verdict(NamedTuple):
    """What a check found out about one task."""

    task: str
    passed: bool
    message: str  # the par that was met, or the promise that failed and the input it failed on
    kept: int = 0  # inputs on which every promise was kept

    def __repr__(self):
        """Say it as a notebook shows it."""
        return f"{'passed' if self.passed else 'not yet'}: {self.task}\n{self.message}"


def examine(task, check, function, rng, on_input=lambda words: None):
    """Run `check` of the Task `task` on `function`; return the Verdict.

    function : `local(f)` here, or the stand-in of a function in the sandbox.
    on_input(words) hears of each input before it is tried.
    """
    words, tried = "before the first input", 0
    inputs = check(function, rng)

    def failed(said):
        return Verdict(task.name, False, said, max(0, tried - 1))

    try:
        while True:
            words = next(inputs)
            tried += 1
            on_input(words)
    except StopIteration:
        met = f"; par met: {task.par}" if task.par else ""
        return Verdict(task.name, True, f"{tried} inputs{met}", tried)
    except CheckFailure as failure:
        return failed(f"{words}: {failure}")
    except Deadlock as deadlock:
        return failed(f"{words}: deadlock: {deadlock}")
    except TimeoutError as limit:
        return failed(f"{words}: is there a loop that does not end? {limit}")
    except Exception as error:
        if isinstance(error, NotImplementedError) and str(error) in ("", HOLE):
            return failed(SKELETON)
        said = f"{type(error).__name__}: {error}"
        place = getattr(error, "place", None)  # set where it was the learner's code that raised
        if place is None:
            return failed(f"{words}: what your function returned cannot be used: {said}")
        return failed(f"{words}: your code raised {said}{place}")


def local(function):
    """Return a stand-in for a learner's function in this process; its results are plain values."""

    @functools.wraps(function)
    def call(*args, **kwargs):
        try:
            result = function(*args, **kwargs)
        except Exception as error:
            error.place = place_of(error, function)  # type: ignore[attr-defined]
            raise
        return returned(result)

    return call


def returned(result):
    """Return `result` as a plain value, or raise CheckFailure: it is not plain, or not finite."""
    try:
        return plain(result)
    except (TypeError, ValueError) as error:
        raise CheckFailure(f"your function returned {error}") from None


def place_of(error, function):
    """Say at which line of the learner's own code `error` was raised, if it was in there."""
    code = getattr(function, "__code__", None)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if code and frame.filename == code.co_filename]
    return f" (line {own[-1].lineno} of its cell: `{own[-1].line}`)" if own else ""
