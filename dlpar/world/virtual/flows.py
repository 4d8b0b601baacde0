"""Messages as fluid flows: how those that share links divide the bandwidth, max-min fairly."""

import math

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
        "crossing",
        "due",
        "left",
        "moving",
        "rate",
        "receipt",
        "request",
        "route",
        "since",
        "stage",
        "start",
    )
    start: float  # s, when the sender lets go of it
    route: tuple[Stage, ...]
    stage: int  # which part of the route it is on
    due: float  # s, when what it does now will be over; an event of another time is stale
    moving: bool  # whether it is on links, which have all that follows
    crossing: Stage
    rate: float  # byte/s
    left: float  # bytes not yet carried at `since`
    since: float  # s


def fair_rates(crossings):
    """Return the max-min fair share of each of `crossings`, in byte/s.

    crossings : the Stages of flows that contend with each other and with no others.

    Progressive filling: all rates rise together until a channel is full or a flow has reached its
    cap; those concerned stay there, the others rise on. What is subtracted from a channel in one
    round is one number again and again, so that the order of flows has no say in any bit.
    """
    users = {}  # channel -> the flows that cross it
    for i, stage in enumerate(crossings):
        for channel in stage.channels:
            users.setdefault(channel, []).append(i)
    users = {c: u for c, u in users.items() if sum(crossings[i].cap for i in u) > c.limit}
    left = {channel: channel.capacity for channel in users}
    rising = {channel: len(flows) for channel, flows in users.items()}  # flows without a rate
    rates = [0.0] * len(crossings)

    def stay(i, rate):
        if not rates[i]:
            rates[i] = rate
            for channel in crossings[i].channels:
                if channel in users:
                    left[channel] -= rate
                    rising[channel] -= 1

    while not all(rates):
        level = min((left[c] / rising[c] for c in users if rising[c]), default=math.inf)
        cap = min(stage.cap for stage, rate in zip(crossings, rates, strict=True) if not rate)
        if cap <= level:
            for i, stage in enumerate(crossings):
                if stage.cap == cap:
                    stay(i, cap)
        else:
            for channel in [c for c in users if rising[c] and left[c] / rising[c] == level]:
                for i in users[channel]:
                    stay(i, level)
    return rates
