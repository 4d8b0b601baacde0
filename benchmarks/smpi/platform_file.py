"""A Topology as a platform file of SimGrid: hosts, links and the route of each pair of devices."""

import math
from itertools import permutations
from xml.sax.saxutils import quoteattr

HEAD = """<?xml version="1.0"?>
<!DOCTYPE platform SYSTEM "https://simgrid.org/simgrid.dtd">
<platform version="4.1">
<zone id="topology" routing="Full">"""


def platform_file(topology, even):
    """Return the text of the platform file, and the value of network/weight-S that goes with it.

    A full-duplex link is SPLITDUPLEX, UP from its a to its b; a half-duplex one is SHARED.

    SimGrid shares a link in inverse proportion to the weights of the flows' routes: the sum over
    the links of latency + S / bandwidth, and S = 0 by default. With `even`, pads are added that
    take no time and hold nothing up (FATPIPE, as fast as the fastest link), so that all routes
    weigh the same.

    Raises ValueError if a route stores its messages on the way: SimGrid has no such thing.
    Source: SimGrid's network_cm02.cpp.
    """
    routes = {(a, b): _route(topology, a, b) for a, b in permutations(topology.devices, 2)}
    s, pads = _pads(routes) if even else (0.0, dict.fromkeys(routes, ()))
    lines = [HEAD, *_resources(topology, pads), *_routes(routes, pads), "</zone>", "</platform>"]
    return "\n".join([*lines, ""]), s


def _route(topology, a, b):
    stages = topology.stages(a, b)
    if len(stages) > 1:
        raise ValueError(f"SimGrid has no stores on a route, and {a!r} to {b!r} needs them")
    return stages[0]


def _pads(routes):
    """Return S, and for each route the bandwidths of its pads."""
    resistance = {
        ends: sum(1 / link.bandwidth for link, _ in route) for ends, route in routes.items()
    }
    fastest = max(link.bandwidth for route in routes.values() for link, _ in route)
    s = 1 / max(resistance.values())  # weights of about 1, far from the solver's precision
    weights = {
        ends: sum(link.latency for link, _ in route) + s * resistance[ends]
        for ends, route in routes.items()
    }
    heaviest, pads = max(weights.values()), {}
    for ends, weight in weights.items():
        missing = (heaviest - weight) / s  # s/byte
        count = math.ceil(missing * fastest)
        pads[ends] = (count / missing,) * count if missing > 1e-9 * resistance[ends] else ()
    return s, pads


def _resources(topology, pads):
    yield from (f'<host id={quoteattr(device)} speed="1Gf"/>' for device in topology.devices)
    for link in topology.links:
        policy = "SPLITDUPLEX" if link.duplex == "full" else "SHARED"
        yield _link(_name(link), link.bandwidth, link.latency, policy)
    copies: dict[float, int] = {}
    for pad in pads.values():
        copies |= {bandwidth: max(copies.get(bandwidth, 0), len(pad)) for bandwidth in pad[:1]}
    for bandwidth, count in copies.items():
        for i in range(count):
            yield _link(f"pad {bandwidth!r} {i}", bandwidth, 0.0, "FATPIPE")


def _link(name, bandwidth, latency, policy):
    numbers = f'bandwidth="{bandwidth!r}Bps" latency="{latency!r}s"'
    return f'<link id={quoteattr(name)} {numbers} sharing_policy="{policy}"/>'


def _routes(routes, pads):
    for (a, b), route in routes.items():
        yield f'<route src={quoteattr(a)} dst={quoteattr(b)} symmetrical="NO">'
        for link, forward in route:
            way = f' direction="{"UP" if forward else "DOWN"}"' if link.duplex == "full" else ""
            yield f"<link_ctn id={quoteattr(_name(link))}{way}/>"
        yield from (f'<link_ctn id="pad {pad!r} {i}"/>' for i, pad in enumerate(pads[a, b]))
        yield "</route>"


def _name(link):
    return f"{link.a}--{link.b}"
