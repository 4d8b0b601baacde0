"""How an exception travels from the rank that raised it to the caller of `run`."""

import contextlib
import pickle
import traceback
from pathlib import Path

HERE = Path(__file__).parent


class NotImportable(ImportError):
    """A rank cannot import the module of the program; `name` says which."""

    def __reduce__(self):
        """Keep `name` on the way."""
        return _not_importable, (str(self), self.name)


def _not_importable(message, name):
    return NotImportable(message, name=name)


def pack(error, rank):
    """Pickle an exception with its traceback's frames; one that cannot travel goes as its text."""
    import cloudpickle

    if isinstance(error, SystemExit):
        sent = RuntimeError(f"rank {rank} called sys.exit({error.code!r})")
    else:
        sent = error
    _forget_hidden_causes(sent)
    told = traceback.TracebackException.from_exception(error, lookup_lines=False)
    with contextlib.suppress(Exception):
        packed = cloudpickle.dumps((sent, told))
        pickle.loads(packed)
        return packed
    sent = RuntimeError("".join(traceback.format_exception_only(error)).strip())
    return cloudpickle.dumps((sent, "".join(told.format())))


def _forget_hidden_causes(error):
    """Drop what `raise ... from None` hides: the caller may lack the module it is made of."""
    while error is not None:
        if error.__suppress_context__:
            error.__context__ = None
        error = error.__cause__ or error.__context__


def lowest(packed, size):
    """Return the exception of the lowest rank, with notes on its traceback and on the others.

    packed : {rank: bytes from `pack`}, not empty; size : the number of ranks.
    """
    first, *others = sorted(packed)
    error, told = pickle.loads(packed[first])
    error.add_note(f"raised by rank {first} of {size}:\n{_text(told)}")
    for rank in others:
        too, _ = pickle.loads(packed[rank])
        words = "".join(traceback.format_exception_only(too)).splitlines()[0]
        error.add_note(f"rank {rank} raised too: {words}")
    return error


def _text(told):
    """Format a TracebackException without our own frames at its top; look source lines up here."""
    if isinstance(told, str):
        return told.rstrip()
    while told.stack and Path(told.stack[0].filename).parent == HERE:
        del told.stack[0]
    return "".join(told.format()).rstrip()
