"""The state of one simulated rank."""

from greenlet import greenlet


class Rank:
    """One rank: its clock, its two links, the messages that wait for it, and what it awaits."""

    __slots__ = (
        "arrived",
        "arrived_by_key",
        "awaits",
        "bytes_sent",
        "clock",
        "fate",
        "finished",
        "greenlet",
        "in_free",
        "messages_sent",
        "number",
        "out_free",
        "posted",
        "posts",
        "result",
        "speed",
        "wild",
    )

    def __init__(self, number):
        self.number = number
        self.clock = 0.0  # s
        self.speed = 1.0  # of work, against the declared one: a straggler's is below 1
        self.out_free = 0.0  # s, when the outgoing link has sent all it was given
        self.in_free = 0.0  # s, the same for the incoming link
        self.posted = {}  # (communicator, source, tag) -> receives that wait for a message
        self.wild = []  # receives from ANY_SOURCE or with ANY_TAG, in the order of posting
        self.posts = 0  # how many receives were posted so far
        self.arrived_by_key = {}  # (communicator, source, tag) -> messages that wait for a receive
        self.arrived = {}  # the same messages in the order of arrival: a dict as an ordered set
        self.messages_sent = self.bytes_sent = 0
        self.awaits = None  # what the rank is blocked in: see waiting.py, or a Meeting
        self.greenlet: greenlet
        self.finished = False
        self.fate = "has finished"  # of a rank that will do nothing more, in words
        self.result = None
