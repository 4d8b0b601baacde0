"""A declared network with a shape: links that messages share, and the routes over them."""

import math
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from numbers import Real

from dlpar.world.network import Network


@dataclass(frozen=True)
class Link:
    """A wire between two vertices, which are named: devices, switches, hosts.

    A full-duplex link carries `bandwidth` each way at the same time; on a half-duplex one both
    directions share it.
    """

    a: str
    b: str
    latency: float  # s
    bandwidth: float  # byte/s, of each direction
    duplex: str = "full"  # or "half"

    def __post_init__(self):
        """Refuse what is no link."""
        for name in ("latency", "bandwidth"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Real):
                raise TypeError(f"Link {name} must be a number, got {value!r}")
        if not 0 <= self.latency < math.inf:
            raise ValueError(f"Link latency must be at least 0 and finite, got {self.latency!r}")
        if not 0 < self.bandwidth < math.inf:
            raise ValueError(f"Link bandwidth must be above 0 and finite, got {self.bandwidth!r}")
        if self.duplex not in ("full", "half"):
            raise ValueError(f"Link duplex must be 'full' or 'half', got {self.duplex!r}")
        if self.a == self.b:
            raise ValueError(f"a Link joins two vertices, got {self.a!r} twice")


def fewest_links(topology, a, b):
    """Return the vertices from `a` to `b` over the fewest links; devices on the way do not forward.

    Of several such paths, the one whose links were declared first.
    """
    if a == b:
        return [a]
    came_from, queue = {a: a}, deque([a])
    while queue:
        at = queue.popleft()
        if b in topology.neighbours[at]:
            path = [b, at]
            while path[-1] != a:
                path.append(came_from[path[-1]])
            return path[::-1]
        for following in topology.neighbours[at]:
            if following not in came_from and following not in topology.device_set:
                came_from[following] = at
                queue.append(following)
    raise ValueError(f"no path from {a!r} to {b!r}")


@dataclass(frozen=True, eq=False)
class Topology:
    """Devices joined by links. Messages on the way at the same time share links fairly.

    A message of n bytes crosses a route of latency L and least bandwidth B in L + n / B if it is
    alone. Messages that share a link are fluid flows: their rates are max-min fair, and change
    when a flow starts or ends. Within a device a message takes no time. Where the route passes a
    vertex in `stores`, the message is stored there whole before it goes on: one flow a stage.

    links : Links; at most one between two vertices.  devices : names of vertices.
    route : function (topology, a, b) -> vertices from device a to device b.
    placement : the device of each rank, or None: rank r is on devices[r].
    drawn_at : (x, y) of each vertex in a drawing, y downwards; empty: the figure finds places.

    Source: max-min fairness and progressive filling, Bertsekas & Gallager, Data Networks, 1992,
    section 6.5.2; fluid flows, Casanova et al., SimGrid, JPDC 2014.
    """

    links: Sequence[Link]
    devices: Sequence[str]
    route: Callable[["Topology", str, str], Sequence[str]] = fewest_links
    stores: Collection[str] = ()
    placement: Sequence[str] | None = None
    overhead: float = 0.0  # s of the sender's own time per message; its clock moves on by this
    eager_limit: float = 64 * 1024  # bytes; a blocking Send above it waits for its receiver
    flops: float = 1e12  # FLOP/s of one rank, for work(comm, flops=...)
    drawn_at: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self):
        """Refuse what is no topology."""
        Network(overhead=self.overhead, eager_limit=self.eager_limit, flops=self.flops)
        known = {end for link in self.links for end in (link.a, link.b)}
        for name, vertices in (
            ("devices", self.devices),
            ("stores", self.stores),
            ("drawn_at", self.drawn_at),
        ):
            for vertex in vertices:
                if vertex not in known:
                    raise ValueError(f"Topology {name}: no link ends at {vertex!r}")
        pairs = [frozenset((link.a, link.b)) for link in self.links]
        for pair in pairs:
            if len(pairs) > len(set(pairs)) and pairs.count(pair) > 1:
                a, b = sorted(pair)
                raise ValueError(f"two links join {a!r} and {b!r}: declare one of their bandwidth")
        for device in self.placement or ():
            if device not in self.device_set:
                raise ValueError(f"Topology placement: {device!r} is not among the devices")

    @cached_property
    def device_set(self):
        """The devices, for look-up."""
        return frozenset(self.devices)

    @cached_property
    def neighbours(self):
        """Vertex -> {neighbour: link between the two}, in the order of declaration."""
        joined: dict[str, dict[str, Link]] = {}
        for link in self.links:
            joined.setdefault(link.a, {})[link.b] = link
            joined.setdefault(link.b, {})[link.a] = link
        return joined

    def placed(self, placement):
        """Return the same topology with the ranks on the devices in `placement`, in rank order."""
        return replace(self, placement=tuple(placement))

    def devices_of(self, ranks):
        """Return the device of each of `ranks` ranks. Raise ValueError if they have no place."""
        places = self.devices if self.placement is None else self.placement
        if len(places) < ranks:
            what = "devices" if self.placement is None else "places"
            raise ValueError(
                f"{ranks} ranks have no room on {len(places)} {what}: give Topology a placement"
            )
        return list(places[:ranks])

    def stages(self, a, b):
        """Return the route from device `a` to device `b`, as lists of (link, forward).

        One list for each stretch that a message crosses in one flow; `forward` tells whether it
        goes from the link's a to its b. No list at all if a is b.
        """
        if a == b:
            return []
        path = list(self.route(self, a, b))
        if path[:1] != [a] or path[-1:] != [b]:
            raise ValueError(f"the route from {a!r} to {b!r} is {path}")
        stages: list[list[tuple[Link, bool]]] = [[]]
        for here, there in pairwise(path):
            link = self.neighbours[here].get(there)
            if link is None:
                raise ValueError(f"the route from {a!r} to {b!r} needs a link {here!r}-{there!r}")
            stages[-1].append((link, here == link.a))
            if there in self.stores and there != b:
                stages.append([])
        return stages

    def time_alone(self, a, b, nbytes):
        """Return how long a message of `nbytes` from device `a` to `b` takes by itself, in s."""
        return sum(
            sum(link.latency for link, _ in stage)
            + nbytes / min(link.bandwidth for link, _ in stage)
            for stage in self.stages(a, b)
        )

    def bytes_carried(self, trace):
        """Return {(a, b): bytes}: what the messages of `trace` brought over each link, each way.

        Only links that carried something are in it; messages that nobody received count too.
        """
        places = self.devices_of(trace.size)
        carried: dict[tuple[str, str], int] = {}
        for message in trace.messages:
            for stage in self.stages(places[message.source], places[message.dest]):
                for link, forward in stage:
                    way = (link.a, link.b) if forward else (link.b, link.a)
                    carried[way] = carried.get(way, 0) + message.nbytes
        return carried

    def flat(self, ranks):
        """Return the Network whose alpha and beta are those of the slowest neighbours in rank.

        MPI's own collectives are priced by it (costs.py): no contention is counted there.
        """
        places = self.devices_of(ranks)
        hops = {pair for pair in zip(places, places[1:] + places[:1], strict=True)}
        alpha = max(self.time_alone(a, b, 0) for a, b in hops)
        beta = max(self.time_alone(a, b, 1) - self.time_alone(a, b, 0) for a, b in hops)
        return Network(alpha, max(beta, 0.0), self.overhead, self.eager_limit, self.flops)
