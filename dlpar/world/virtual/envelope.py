"""A message between two simulated ranks, and which receive takes it."""

from typing import Any

from dlpar.world.constants import ANY_SOURCE, ANY_TAG


class Envelope:
    """One message on its way; `World.send` fills it in."""

    __slots__ = ("data", "dest", "key", "known", "nbytes", "order", "sent", "source")
    source: Any  # engine.Rank
    dest: Any  # engine.Rank
    key: tuple[int, int, int]  # communicator, source in it, tag
    data: Any  # bytes, or for a rendezvous the sender's own memory
    nbytes: int
    sent: float  # s, when the sender called
    order: int  # among its sender's messages
    known: float  # s, when a probe may see it; set where the message waits for a receive
    request: Any = None  # the sender's Receipt, if this message waits for its receiver
    receipt: Any = None  # the receive that took it, where the transfer begins only then

    def row(self, received):
        """Return its row of the trace."""
        numbers = self.source.number, self.dest.number, self.key[2]
        return (*numbers, self.nbytes, self.sent, received, self.order)


class Rendezvous(Envelope):
    """A message above the eager limit: announced, and carried once its receiver has called."""

    __slots__ = ("receipt", "request", "start")
    start: float  # s, when the outgoing link begins with it


def fits(wanted, key):
    """Tell whether a receive for `wanted` takes `key`; both (communicator, source, tag)."""
    return (
        wanted[0] == key[0] and wanted[1] in (key[1], ANY_SOURCE) and wanted[2] in (key[2], ANY_TAG)
    )
