"""What runs in a rank's process: the learner's definitions, called from outside.

Nothing here is trusted: a learner's code may change every line of it. It could then only send other
answers, which come from the learner's process in any case.
"""

import math

import numpy as np

from dlpar.labs.checking import place_of
from dlpar.labs.notebook import defined
from dlpar.labs.sandbox.mirror import Mirror, View
from dlpar.labs.sandbox.wire import WireError
from dlpar.labs.values import arrays_in, decode, encode
from dlpar.world import MPIError, Status
from dlpar.world import constants as words
from dlpar.world.buffers import flat_array, writable_array
from dlpar.world.virtual.ulfm_comm import Group

WORDS = ("IN_PLACE", "SUM", "PROD", "MAX", "MIN")
LONGEST_WORDS = 500  # characters of an exception's message


def serve(wire):
    """Answer the grader at the other end of `wire` until it hangs up."""
    order = wire.receive(math.inf)
    function = None
    try:
        namespace, broken = defined(order["cells"], order["kernel"])
        function = namespace.get(order["task"])
        faults = {cell: (fault.msg, fault.lineno) for cell, fault in broken.items()}
        wire.send({"defined": callable(function), "broken": faults}, math.inf)
    except BaseException as error:
        wire.send(_raised(error, ""), math.inf)
    caller = Caller(wire)
    while True:
        caller.answer(wire.receive(math.inf), function)


class Caller:
    """The grader, as the learner's process sees it."""

    def __init__(self, wire):
        self.wire = wire
        self.mirror = Mirror()
        self._asked = {}  # number of an object of the grader's -> how often it was asked

    def answer(self, order, function):
        """Do one call, and send what came of it."""
        self.mirror = Mirror()
        self._asked.clear()
        args, kwargs = decode(order["call"], self._special)
        self.mirror.add("call", arrays_in([args, kwargs]))
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            reply = _raised(error, place_of(error, function))
        else:
            try:
                reply = {"returned": encode(result)}
            except TypeError as error:
                reply = {"unusable": str(error)[:LONGEST_WORDS]}
        reply["changes"] = self.mirror.changes()
        try:
            self.wire.send(reply, math.inf)
        except (WireError, ValueError) as error:  # too long, or a number of too many digits
            self.wire.send({"unusable": str(error), "changes": []}, math.inf)

    def ask(self, target, method, args, kwargs):
        """Have `method` of the grader's object `target` called; return its answer.

        Arrays among the arguments are kept in step while the call lasts, or until its request is.
        """
        statuses = []

        def special(value):
            if isinstance(value, View):
                return {"view": value.content}
            if isinstance(value, Status):
                statuses.append(value)
                return {"status": None}
            if isinstance(value, Request):
                return {"request": value.number}
            for word in WORDS:
                if value is getattr(words, word):
                    return {"word": word}
            raise TypeError(f"a {type(value).__name__} cannot be sent")

        arrays = arrays_in([list(args), kwargs])
        args = [self.mirror.view_of(arg) for arg in args]
        kwargs = {key: self.mirror.view_of(arg) for key, arg in kwargs.items()}
        asked = self._asked[target] = self._asked.get(target, 0) + 1
        self.mirror.add(f"{target}.{asked}", arrays)
        order = [target, method, encode([args, kwargs], special)]
        self.wire.send({"ask": order, "changes": self.mirror.changes()}, math.inf)
        reply = self.wire.receive(math.inf)
        self.mirror.apply(reply["changes"])
        for status, seen in zip(statuses, reply["statuses"], strict=False):
            status.source, status.tag, status.nbytes = seen
        for name in reply["ended"]:
            self.mirror.drop(name)
        if "raised" in reply:
            raise exception(*reply["raised"])
        return decode(reply["done"], self._special)

    def _special(self, kind, content):
        if kind == "callable":
            return lambda *args, **kwargs: self.ask(content, "__call__", args, kwargs)
        if kind == "rng":
            bits = np.random.PCG64()
            bits.state = content
            return np.random.Generator(bits)
        if kind == "comm":
            return Comm(self, *content)
        if kind == "request":
            return Request(self, content)
        if kind == "group":
            return Group(content)
        raise ValueError("not a value")


class Comm:
    """mpi4py's buffer interface; the grader performs, delivers and counts every call."""

    def __init__(self, caller, number, rank, size):
        self._caller, self._number = caller, number
        self.rank, self.size = rank, size

    def Get_rank(self):
        """Return this rank's number."""
        return self.rank

    def Get_size(self):
        """Return the number of ranks."""
        return self.size

    def __getattr__(self, method):
        if method not in METHODS:
            raise AttributeError(f"comm has no {method}")
        return lambda *args, **kwargs: self._ask(method, args, kwargs)

    def _ask(self, method, args, kwargs):
        """Send buffers as the flat memory that they are, and have the received ones filled."""
        into = METHODS[method]
        args = [self._flat(arg, i in into) for i, arg in enumerate(args)]
        kwargs = {key: self._flat(arg, key in into) for key, arg in kwargs.items()}
        return self._caller.ask(self._number, method, args, kwargs)

    @staticmethod
    def _flat(arg, written):
        if arg is None or isinstance(arg, int | float | np.number | Status | words.Op):
            return arg
        if arg is words.IN_PLACE:
            return arg
        return writable_array(arg) if written else flat_array(arg)


class Request:
    """What Isend and Irecv return."""

    def __init__(self, caller, number):
        self._caller, self.number = caller, number

    def Wait(self, status=None):
        """Wait until it is done; return True."""
        return self._caller.ask(self.number, "Wait", [status], {})

    def Test(self, status=None):
        """Tell whether it is done by now."""
        return self._caller.ask(self.number, "Test", [status], {})

    @classmethod
    def Waitall(cls, requests, statuses=None):
        """Wait until all are done; return True."""
        for i, request in enumerate(requests):
            request.Wait(None if statuses is None else statuses[i])
        return True

    @classmethod
    def Waitany(cls, requests, status=None):
        """Wait until one is done; return its index."""
        requests = list(requests)
        if not requests:
            return words.UNDEFINED
        return requests[0]._caller.ask(requests[0].number, "Waitany", [requests, status], {})


# The communicator's calls, each with the positions and names of the buffers that it writes.
METHODS: dict[str, tuple] = {
    "Send": (),
    "Isend": (),
    "Recv": (0, "buf"),
    "Irecv": (0, "buf"),
    "Sendrecv": (3, "recvbuf"),
    "Probe": (),
    "Iprobe": (),
    "Barrier": (),
    "Bcast": (0, "buf"),
    "Reduce": (1, "recvbuf"),
    "Allreduce": (1, "recvbuf"),
    "Iallreduce": (1, "recvbuf"),
    "Gather": (1, "recvbuf"),
    "Scatter": (1, "recvbuf"),
    "Allgather": (1, "recvbuf"),
    "Alltoall": (1, "recvbuf"),
    "Split": (),
    **dict.fromkeys(("Revoke", "Is_revoked", "Shrink", "Agree"), ()),  # with ulfm=True
    **dict.fromkeys(("Get_failed", "Ack_failed", "Get_group"), ()),
    "declare_work": (),
}


def exception(name, message):
    """Return the exception of Python's, or of `dlpar.world`, that goes by this name."""
    if name == "MPIError":
        error_class, _, text = message.partition(": ")
        return MPIError(error_class, text)
    if name == "KeyError":
        message = Verbatim(message)
    return BUILTIN.get(name, RuntimeError)(message)


class Verbatim(str):
    """A text whose repr is itself: a KeyError says its key's repr, and here it has been said."""

    __slots__ = ()

    def __repr__(self):
        return str(self)


BUILTIN = {
    kind.__name__: kind
    for kind in (
        ArithmeticError, AssertionError, AttributeError, BufferError, IndexError, KeyError,
        LookupError, MemoryError, NameError, NotImplementedError, OSError, OverflowError,
        RecursionError, RuntimeError, TypeError, ValueError, ZeroDivisionError,
    )
}  # fmt: skip


def _raised(error, place):
    name = type(error).__name__
    return {"raised": [name[:80], str(error)[:LONGEST_WORDS], place[:LONGEST_WORDS]]}
