"""A Topology as SimGrid's platform file: read back, it says what the Topology says."""

import runpy
from itertools import permutations
from pathlib import Path
from xml.etree import ElementTree

import pytest

from dlpar.world import Link, Topology
from dlpar.world.presets import dgx1, fat_tree, pcie_nodes, phones, star, torus, two_sites

FOLDER = Path(__file__).parents[1] / "benchmarks" / "smpi"
platform_file = runpy.run_path(str(FOLDER / "platform_file.py"))["platform_file"]

HALF = Topology(
    [Link("a", "<s>", 1e-6, 1e9, "half"), Link("b & c", "<s>", 2e-6, 2e9)], ["a", "b & c"]
)
HOPS = [("0", "1"), ("1", "2"), ("2", "3"), *(("abcd"[i], str(i)) for i in range(4))]
CHAIN = Topology([Link(*ends, 0.0, 1024.0) for ends in HOPS], "acbd")  # 2, 3 or 4 pads of one kind
TOPOLOGIES = {
    "star": star(5),
    "fat tree": fat_tree(3, 2, oversubscription=4),
    "torus": torus(3, 4),
    "cube mesh": dgx1(),
    "PCIe": pcie_nodes(2),
    "two sites": two_sites(2),
    "phones": phones(3),
    "chain": CHAIN,
    "half duplex, odd names": HALF,
}


@pytest.fixture(params=TOPOLOGIES)
def topology(request):
    return TOPOLOGIES[request.param]


def read(text):
    """Return {link: its attributes} and {(a, b): [(link, direction or None)]}; nothing twice."""
    zone = ElementTree.fromstring(text).find("zone")
    links = {link.get("id"): link.attrib for link in zone.findall("link")}
    assert len(links) == len(zone.findall("link"))
    routes = {}
    for route in zone.findall("route"):
        assert route.get("symmetrical") == "NO"
        ends = route.get("src"), route.get("dst")
        assert ends not in routes
        routes[ends] = [(hop.get("id"), hop.get("direction")) for hop in route]
    return links, routes


def number(link, key):
    return float(link[key].removesuffix("Bps").removesuffix("s"))


def test_every_pair_of_devices_has_its_route_over_links_with_their_numbers(topology):
    text, weight_s = platform_file(topology, False)
    assert weight_s == 0
    hosts = ElementTree.fromstring(text).findall("zone/host")
    assert [host.get("id") for host in hosts] == list(topology.devices)
    links, routes = read(text)
    assert len(links) == len(topology.links)
    assert set(routes) == set(permutations(topology.devices, 2))
    for (a, b), hops in routes.items():
        (stage,) = topology.stages(a, b)
        assert len(hops) == len(stage)
        for (name, direction), (link, forward) in zip(hops, stage, strict=True):
            assert name == f"{link.a}--{link.b}"
            written = number(links[name], "latency"), number(links[name], "bandwidth")
            assert written == (link.latency, link.bandwidth)
            if link.duplex == "full":
                assert links[name]["sharing_policy"] == "SPLITDUPLEX"
                assert direction == ("UP" if forward else "DOWN")
            else:
                assert links[name]["sharing_policy"] == "SHARED"
                assert direction is None


def test_with_pads_all_routes_weigh_the_same_and_take_as_long_as_before(topology):
    text, weight_s = platform_file(topology, True)
    links, routes = read(text)
    weights = []
    for (a, b), hops in routes.items():
        crossed = [links[name] for name, _ in hops]
        latency = sum(number(link, "latency") for link in crossed)
        slowness = [1 / number(link, "bandwidth") for link in crossed]
        weights.append(latency + weight_s * sum(slowness))
        alone = topology.time_alone(a, b, 0), topology.time_alone(a, b, 10**6)
        assert (latency, latency + 10**6 * max(slowness)) == pytest.approx(alone, rel=1e-12)
        pads = hops[len(topology.stages(a, b)[0]) :]
        assert all(links[name]["sharing_policy"] == "FATPIPE" for name, _ in pads)
    assert weights == pytest.approx([weights[0]] * len(weights), rel=1e-8)


def test_only_a_route_that_weighs_less_than_another_is_padded():
    _, routes = read(platform_file(TOPOLOGIES["fat tree"], True)[0])
    padded = {ends for ends, hops in routes.items() if any("pad" in name for name, _ in hops)}
    assert padded == {(a, b) for a, b in routes if a.split(".")[0] == b.split(".")[0]}


def test_routes_that_store_are_refused():
    with pytest.raises(ValueError, match="SimGrid has no stores on a route"):
        platform_file(pcie_nodes(1, bounced=True), False)
