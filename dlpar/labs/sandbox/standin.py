"""The grader's side: a function that stands in for the learner's, and the network between ranks."""

import time

import numpy as np

from dlpar.labs.checking import returned
from dlpar.labs.child import missing
from dlpar.labs.sandbox.inside import LONGEST_WORDS, METHODS, WORDS, exception
from dlpar.labs.sandbox.mirror import Mirror
from dlpar.labs.sandbox.wire import WireError
from dlpar.labs.task import CheckFailure
from dlpar.labs.values import arrays_in, decode, encode
from dlpar.world import Deadlock, Status, work
from dlpar.world import constants as words
from dlpar.world.virtual.comm import SimComm, SimRequest
from dlpar.world.virtual.ulfm_comm import Group

WAIT = 3.0  # s that a learner's process may compute between two messages
OVER = "the task's {:g} s are over"
REQUEST_METHODS = ("Wait", "Test", "Waitany")


class StandIn:
    """A callable that runs the learner's `task` in the sandbox, each rank in its own process.

    Called with a simulated communicator among its arguments, it is that rank's; otherwise it runs
    in a process for calls without ranks.
    """

    def __init__(self, sandbox, cells, task, seconds, kernel=False):
        self.__name__, self._kernel = task, kernel
        self._sandbox, self._cells, self._seconds = sandbox, cells, seconds
        self._deadline = time.monotonic() + seconds
        self._ranks = {}  # rank in the world, or None -> Rank

    def __call__(self, *args, **kwargs):
        """Call the learner's function; return what it returned, as a plain value."""
        comms = [a for a in [*args, *kwargs.values()] if isinstance(a, SimComm)]
        key = comms[0]._me.number if comms else None
        rank = self._ranks.get(key)
        if rank is not None and rank.busy:  # in a call that was given up
            rank.end()
            rank = None
        if rank is None:
            rank = self._ranks[key] = Rank(self._sandbox, self._seconds, self._deadline)
            rank.define(self._cells, self.__name__, self._kernel)
        return rank.call(args, kwargs)

    def renew(self):
        """Give the function its seconds again, and new processes."""
        self.end()
        self._deadline = time.monotonic() + self._seconds

    def end(self):
        """End all processes."""
        for rank in self._ranks.values():
            rank.end()
        self._ranks.clear()


class Rank:
    """One process of the learner's, and what it may ask for while it is being called."""

    def __init__(self, sandbox, seconds, deadline):
        self.busy = True
        self._sandbox, self._seconds, self._deadline = sandbox, seconds, deadline
        self._wire, self._pid = sandbox.fork(seconds)
        self._mirror = Mirror()
        self._objects = {}  # number -> comm, request or callable that the learner's code may use
        self._count = 0  # objects handed over
        self._open = {}  # request under way -> the name of its arrays
        self._asked = {}  # number of an object -> how often it was asked

    def define(self, cells, task, kernel):
        """Have the learner's cells define the function, or the kernel, `task`."""
        self._send({"cells": cells, "task": task, "kernel": kernel})
        reply = self._receive()
        self.busy = False
        if "raised" in reply:
            name, message, _ = _three_words(reply["raised"])
            raise CheckFailure(f"your notebook cannot be read: {name}: {message}")
        if reply.get("defined") is not True:
            raise CheckFailure(_missing(task, reply.get("broken"), kernel))

    def call(self, args, kwargs):
        """Call the function; serve what it asks for until it returns or raises."""
        self.busy = True
        self._objects.clear()
        self._asked.clear()
        self._open.clear()
        self._mirror = Mirror()
        self._send({"call": encode([list(args), kwargs], self._special)})
        self._mirror.add("call", arrays_in([list(args), kwargs]))
        while "ask" in (reply := self._receive()):
            self._serve(reply)
        self._take(reply)
        self.busy = False
        if "raised" in reply:
            name, message, place = _three_words(reply["raised"])
            error = exception(name, message)
            if name != type(error).__name__ and name.isidentifier():
                error = type(name, (RuntimeError,), {})(message)  # so that it says its name
            error.place = f" {place}" if place else ""
            raise error
        if "unusable" in reply:
            raise CheckFailure(f"your function returned {_words(reply['unusable'])}")
        if "returned" not in reply:
            raise CheckFailure("your process sends what makes no sense")
        try:
            return returned(decode(reply["returned"]))
        except (ValueError, RecursionError):
            raise CheckFailure("your function's process sent no value") from None

    def end(self):
        """End the process."""
        self._wire.close()
        self._sandbox.kill(self._pid)

    # ------------------------------------------------------------- serving

    def _serve(self, message):
        """Do what the learner's code asks for, and answer."""
        statuses = []
        self._take(message)
        number, method, args, kwargs = self._understood(message["ask"], statuses)
        target, name = self._objects[number], self._hold(number, args, kwargs)
        ended = [name]
        try:
            result = self._perform(target, method, args, kwargs)
            reply = {"done": encode(result, self._special)}
        except (CheckFailure, Deadlock):
            raise
        except Exception as error:
            result = None
            reply = {"raised": [type(error).__name__, str(error)[:LONGEST_WORDS]]}
        reply["changes"] = self._mirror.changes()
        reply["statuses"] = [[s.source, s.tag, s.nbytes] for s in statuses]
        if isinstance(result, SimRequest):
            self._open[result], ended = name, []
        ended += [self._open.pop(r) for r in list(self._open) if not r._active]
        for name in ended:
            self._mirror.drop(name)
        reply["ended"] = ended
        self._send(reply)

    def _understood(self, ask, statuses):
        """Return (number, method, args, kwargs), or raise CheckFailure for what makes no sense."""

        def special(kind, content):
            if kind == "status":
                statuses.append(Status())
                return statuses[-1]
            if kind == "view":
                return self._mirror.array_of(content)
            if kind == "word" and content in WORDS:
                return getattr(words, content)
            if kind == "request" and isinstance(self._objects.get(content), SimRequest):
                return self._objects[content]
            raise ValueError("not a value")

        try:
            number, method, packed = ask
            args, kwargs = decode(packed, special)
            target = self._objects[number]
            allowed = (
                METHODS if isinstance(target, SimComm)
                else REQUEST_METHODS if isinstance(target, SimRequest)
                else ("__call__",)
            )  # fmt: skip
            if method not in allowed or not isinstance(args, list) or not isinstance(kwargs, dict):
                raise ValueError("not a call")
            if not all(isinstance(key, str) for key in kwargs):
                raise ValueError("not the names of arguments")
        except (ValueError, TypeError, KeyError, RecursionError):
            raise CheckFailure("your process asks for what there is not") from None
        return number, method, args, kwargs

    def _hold(self, number, args, kwargs):
        """Keep a call's own arrays in step; return their name, which is the other side's, too."""
        asked = self._asked[number] = self._asked.get(number, 0) + 1
        name = f"{number}.{asked}"
        self._mirror.add(name, arrays_in([args, kwargs]))
        return name

    def _perform(self, target, method, args, kwargs):
        if method == "__call__":
            return target(*args, **kwargs)
        if method == "declare_work":
            seconds, flops = args
            if not {type(seconds), type(flops)} <= {int, float, type(None)}:
                raise TypeError("work takes a plain number")  # an array would be the clock's own
            return work(target, seconds=seconds, flops=flops)  # which looks at both
        return getattr(target, method)(*args, **kwargs)

    def _special(self, value):
        """Encode what is no plain value: the learner's side gets a number to ask for it with."""
        if isinstance(value, np.random.Generator):
            return {"rng": value.bit_generator.state}
        if isinstance(value, Group):
            return {"group": list(value.members)}
        if not (isinstance(value, SimComm | SimRequest) or callable(value)):
            raise TypeError(f"a check cannot hand over a {type(value).__name__}")
        self._count += 1
        self._objects[self._count] = value
        if isinstance(value, SimComm):
            return {"comm": [self._count, value.rank, value.size]}
        return {"request" if isinstance(value, SimRequest) else "callable": self._count}

    # ------------------------------------------------------------ the wire

    def _take(self, message):
        try:
            self._mirror.apply(message.get("changes", []))
        except (ValueError, RecursionError):
            raise CheckFailure("your process sends what makes no sense") from None

    def _send(self, message):
        try:
            self._wire.send(message, self._limit())
        except WireError as error:
            raise CheckFailure(f"your code ended its process ({error})") from None

    def _receive(self):
        limit = self._limit()
        try:
            message = self._wire.receive(limit)
        except WireError as error:
            raise CheckFailure(f"your code's process: {error}") from None
        except TimeoutError:
            if limit == self._deadline:
                raise TimeoutError(OVER.format(self._seconds)) from None
            raise TimeoutError(f"no answer within {WAIT:g} s") from None
        if message.__class__ is not dict:
            raise CheckFailure("your process sends what makes no sense")
        return message

    def _limit(self):
        now = time.monotonic()
        if now > self._deadline:
            raise TimeoutError(OVER.format(self._seconds))
        return min(now + WAIT, self._deadline)


def _three_words(content):
    if content.__class__ is not list or len(content) != 3:
        return "RuntimeError", "", ""
    return tuple(map(_words, content))


def _words(said):
    """Return a text of the learner's process as one line without control characters."""
    text = " ".join(str(said)[:LONGEST_WORDS].split())
    return "".join(c if c.isprintable() else "?" for c in text)


def _missing(task, broken, kernel):
    said = missing(task, {}, kernel)
    if broken.__class__ is dict:
        for cell, fault in list(broken.items())[:3]:
            words = ", line ".join(map(_words, fault)) if fault.__class__ is list else ""
            said += f"; code cell {_words(cell)[:9]} does not parse: {words}"
    return said
