"""A message between two simulated ranks, and which receive takes it."""

from dlpar.world.constants import ANY_SOURCE, ANY_TAG


class Envelope:
    """One message on its way."""

    __slots__ = ("data", "dest", "key", "known", "row", "sent", "source", "start")
    request = None  # the sender's Receipt, if this message waits for its receiver
    receipt = None  # the receive that took it, where the transfer begins only then

    def __init__(self, source, dest, key, data, sent, start, row):
        self.source = source  # Rank
        self.dest = dest  # Rank
        self.key = key  # (communicator, source in it, tag)
        self.data = data  # what travels: bytes, or for a rendezvous the sender's own memory
        self.sent = sent  # s, when the sender called
        self.start = start  # s, when the outgoing link begins with it
        self.row = row  # its place in the trace

    # `known`, in s: when a probe may see it. Set where the message waits for a receive.

    @property
    def nbytes(self):
        """Return the size of the payload."""
        return len(self.data)


class Rendezvous(Envelope):
    """A message above the eager limit: announced, and carried once its receiver has called."""

    __slots__ = ("receipt", "request")

    def __init__(self, *args, request):
        super().__init__(*args)
        self.receipt = None
        self.request = request


def fits(wanted, key):
    """Tell whether a receive for `wanted` takes `key`; both (communicator, source, tag)."""
    return (
        wanted[0] == key[0] and wanted[1] in (key[1], ANY_SOURCE) and wanted[2] in (key[2], ANY_TAG)
    )
