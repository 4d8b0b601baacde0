"""Messages as fluid flows: how those that share links divide the bandwidth, max-min fairly."""

import math
from operator import attrgetter

from dlpar.world.virtual.envelope import Envelope

ROUNDING = 1 + 1e-9  # demands may exceed a capacity by so much and are still called equal to it


class Channel:
    """One direction of a link, or both of a half-duplex one, and the flows that cross it."""

    __slots__ = ("capacity", "demand", "flows", "left", "limit", "link", "open")

    def __init__(self, link):
        self.link = link
        self.capacity = link.bandwidth  # byte/s
        self.limit = self.capacity * ROUNDING
        self.flows = {}  # an ordered set
        self.demand = 0.0  # byte/s: what its flows would take if each were alone
        self.left = 0.0  # byte/s, while rates are shared out: not given away yet
        self.open = 0  # the same: flows without a rate


class Stage:
    """A stretch of a route that a message crosses as one flow."""

    __slots__ = ("cap", "channels", "latency")

    def __init__(self, latency, channels):
        self.latency = latency  # s
        self.channels = channels
        self.cap = min(channel.capacity for channel in channels)  # byte/s


class Flow(Envelope):
    """A message on a network with a shape."""

    __slots__ = (
        "cap",
        "channels",
        "due",
        "ends",
        "left",
        "moving",
        "rate",
        "receipt",
        "request",
        "route",
        "since",
        "stage",
    )

    def __init__(self, source, dest, key, data, sent, start, row, route, request=None):
        self.source, self.dest, self.key, self.data = source, dest, key, data
        self.sent, self.start, self.row = sent, start, row
        self.route = route  # tuple of Stages
        self.request = request  # the sender's Receipt, if this message waits for its receiver
        self.receipt = None  # the receive that took it
        self.stage = 0  # which part of the route it is on
        self.moving = False  # whether it is on links; else its first byte is under way to them
        self.due = 0.0  # s, when what it does now will be over; an event of another time is stale

    # On links it has, too: channels and cap (byte/s) of its stage; rate in byte/s; left, the bytes
    # not yet carried at `since` (s).


def fair_rates(flows):
    """Set the `rate` of each of `flows` to its max-min fair share.

    flows : with `channels` and `cap`; the channels that demands exceed carry no other flows.

    Progressive filling: all rates rise together until a channel is full or a flow has reached its
    cap; those concerned stay there, the others rise on. What is subtracted from a channel in one
    round is one number again and again, so that the order of flows has no say in any bit.
    """
    crossed = {}
    for flow in flows:
        flow.rate = 0.0
        for channel in flow.channels:
            if channel.demand > channel.limit and channel not in crossed:
                crossed[channel] = None
                channel.left, channel.open = channel.capacity, len(channel.flows)
    rising = sorted(flows, key=attrgetter("cap"), reverse=True)  # the lowest cap last
    while rising:
        level = min((c.left / c.open for c in crossed if c.open), default=math.inf)
        cap = rising[-1].cap
        if rising[-1].rate:
            rising.pop()
        elif cap <= level:
            while rising and rising[-1].cap == cap:
                _stay(rising.pop(), cap)
        else:
            full = [c for c in crossed if c.open and c.left / c.open == level]
            for channel in full:
                for flow in channel.flows:
                    _stay(flow, level)


def _stay(flow, rate):
    """Give `flow` its rate, unless it has one, and take it from its channels."""
    if not flow.rate:
        flow.rate = rate
        for channel in flow.channels:
            channel.left -= rate
            channel.open -= 1
