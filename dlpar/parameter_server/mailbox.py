"""Messages that are sent without waiting for them, and received within a limit."""

from typing import NamedTuple

import numpy as np

from dlpar.world import ANY_SOURCE, ANY_TAG, Status, clock, pause

POLLS = 32  # looks within one patience: an answer is noticed at most 1/32 of it late


class Patience(NamedTuple):
    """How long a rank waits for another, and what it does then."""

    seconds: float = 0.05  # then it asks again; more than a way out and back with all weights
    tries: int = 10  # after so many without a sign of life the other is taken for dead
    limit: float = 60.0  # s of silence until a server drops a worker; more than a clock's work

    def check(self):
        """Raise ValueError if it ends no wait."""
        if not (self.seconds > 0 and self.tries >= 1 and self.limit > 0):
            raise ValueError(f"patience needs numbers above 0, got {self}")
        return self


class Mailbox:
    """One rank's messages to and from all others on `comm`, which nobody else uses."""

    def __init__(self, comm, size, dtype):
        """Take the most elements of a message that comes, and their dtype."""
        self.comm, self.status = comm, Status()
        self.inbox = np.empty(size, dtype)
        self.under_way = []  # requests: what is sent to the dead never arrives, nor need it

    def send(self, message, dest, tag):
        """Send a copy of `message`, a sequence of numbers, without waiting for its receiver."""
        self.under_way = [request for request in self.under_way if not request.Test()]
        self.under_way.append(self.comm.Isend(np.array(message, self.inbox.dtype), dest, tag))

    def receive(self, seconds, source=ANY_SOURCE, tag=ANY_TAG):
        """Return (source, tag, message) of what comes within `seconds`, or None.

        The message, (n,), is good until the next call. One whose sender died in the middle of it
        is given up after `seconds`, too.
        """
        comm, status = self.comm, self.status
        if not self._within(seconds, lambda: comm.Iprobe(source, tag, status)):
            return None
        request = comm.Irecv(self.inbox, status.Get_source(), status.Get_tag())
        if not self._within(seconds, lambda: request.Test(status)):
            self.inbox = np.empty_like(self.inbox)  # the old one belongs to the dead
            return None
        count = status.Get_count() // self.inbox.itemsize
        return status.Get_source(), status.Get_tag(), self.inbox[:count]

    def _within(self, seconds, look):
        """Tell whether `look()` comes true within `seconds`; look once at least."""
        limit = clock(self.comm) + seconds
        while not look():
            if clock(self.comm) >= limit:
                return False
            pause(self.comm, seconds / POLLS)
        return True
