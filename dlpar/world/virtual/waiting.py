"""What a blocked rank waits for, and how to say it."""

from dlpar.world.constants import ANY_SOURCE, ANY_TAG, PROC_NULL


class Receipt:
    """One side's claim to a completion: a posted receive, or the sender's end of a rendezvous."""

    __slots__ = ("done", "error", "key", "nbytes", "order", "peers", "posted", "rank", "view")

    def __init__(self, rank, peers, key, view, posted):
        self.rank = rank  # engine.Rank
        self.peers = peers  # the communicator's ranks in the world
        self.key = key  # (communicator, peer, tag) asked for; a receive that is done: what it got
        self.view = view  # where the bytes go; None for a sender, and once they are there
        self.posted = posted  # s
        self.order = 0  # among this rank's receives
        self.nbytes = 0
        self.done = None  # s, when it was complete
        self.error = None

    def explain(self, world):
        """Return (ranks waited for, sentence)."""
        if self.view is not None:
            return peer_sentence(world, self.rank, self.peers, self.key, "send")
        limit = world.network.eager_limit
        size = f" ({self.nbytes} bytes, above the eager limit of {limit:g})"
        return peer_sentence(world, self.rank, self.peers, self.key, "receive", size)


class AnyOf:
    """Waitany: several claims, one of which is enough."""

    def __init__(self, receipts):
        self.receipts = receipts

    def explain(self, world):
        """Return (ranks waited for, sentence)."""
        said = [receipt.explain(world) for receipt in self.receipts]
        ranks = tuple(dict.fromkeys(r for peers, _ in said for r in peers))
        return ranks, " or ".join(sentence for _, sentence in said)


class Part:
    """One rank's part in a non-blocking collective: what its request waits for."""

    error = None
    key, nbytes = (0, PROC_NULL, ANY_TAG), 0  # a status says nothing of a collective

    def __init__(self, rank, meeting):
        self.rank = rank  # engine.Rank
        self.meeting = meeting
        self.done = None  # s, when it was complete

    def explain(self, world):
        """Return (ranks waited for, sentence)."""
        return self.meeting.explain(world)


class Probing:
    """Probe: a message that nobody has sent yet."""

    def __init__(self, rank, peers, key):
        self.rank, self.peers, self.key = rank, peers, key

    def explain(self, world):
        """Return (ranks waited for, sentence)."""
        return peer_sentence(world, self.rank, self.peers, self.key, "send", " (in Probe)")


class Asleep:
    """A rank whose own clock must come: Test and Iprobe look at one instant."""

    def explain(self, world):
        """Return (no ranks, sentence)."""
        return (), "polls"


ASLEEP = Asleep()


def peer_sentence(world, rank, peers, key, verb, more=""):
    """Say that `rank` waits for the peer in `key` to `verb`, and what is known about that peer."""
    _, peer, tag = key
    with_tag = "" if tag == ANY_TAG else f" tag {tag}"
    if peer == ANY_SOURCE:
        others = tuple(r for r in peers if r != rank.number)
        return others, f"waits for any rank to {verb}{with_tag}{more}"
    number = peers[peer]
    said = f"waits for rank {number} to {verb}{with_tag}{more}"
    strays = sorted({e.key[2] for e in rank.arrived if e.key[:2] == key[:2]})
    if verb == "send":
        elsewhere = any(e.source.number == number and e.key[0] != key[0] for e in rank.arrived)
        if strays:
            said += f" (it has sent only tag {', '.join(map(str, strays))})"
        elif elsewhere:
            said += " (it has sent only on another communicator)"
    return (number,), said + fates(world, [number])


def fates(world, ranks):
    """Say which of `ranks` will never come, as ", but rank 1 has finished"; "" if all may."""
    ended = [f"rank {r} {world.ranks[r].fate}" for r in ranks if world.ranks[r].finished]
    return f", but {', '.join(ended[:8])}" if ended else ""
