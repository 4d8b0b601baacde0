"""The map of a topology: every link once, routes where they go, loads as they were counted."""

import re
from itertools import combinations
from xml.etree import ElementTree

import numpy as np
import pytest

from dlpar import simulate
from dlpar.collectives import ring_allreduce
from dlpar.figures import topology_map
from dlpar.figures.topology_layout import drawn_vertices, places_of
from dlpar.world import Link, Message, Topology, Trace, presets

SVG = "{http://www.w3.org/2000/svg}"

MACHINES = {
    "star": presets.star(5),
    "one device": presets.star(1),
    "two nodes": presets.pcie_nodes(2),
    "bounced": presets.pcie_nodes(1, bounced=True),
    "dgx1": presets.dgx1(),
    "dgx2": presets.dgx2(),
    "racks": presets.fat_tree(4, 8),
    "torus": presets.torus(3, 4),
    "sites": presets.two_sites(3),
    "phones": presets.phones(4),
    "ring of devices": Topology(
        [Link(f"d{i}", f"d{(i + 1) % 5}", 1e-6, 1e9) for i in range(5)], [f"d{i}" for i in range(5)]
    ),
    "two of them": Topology([Link("a", "b", 0.0, 1e9, "half")], ["a", "b"]),
}
each_machine = pytest.mark.parametrize("topology", MACHINES.values(), ids=MACHINES)


def parsed(figure, tmp_path):
    figure.save(tmp_path / "figure.svg")
    return ElementTree.parse(tmp_path / "figure.svg").getroot()


def by_class(root, kind):
    return [e for e in root.iter() if kind in e.get("class", "").split()]


def numbers(element):
    return [float(v) for v in re.findall(r"-?[\d.]+", element.get("d"))]


def centres(root):
    """Return {name: (x, y)} of the vertices, which their tooltips name."""
    found = {}
    for group in by_class(root, "device") + by_class(root, "switch"):
        shape = group[0]
        name = shape[0].text.split(" with rank")[0]
        if shape.get("cx"):
            found[name] = float(shape.get("cx")), float(shape.get("cy"))
        else:
            x, y, w, h = (float(shape.get(k)) for k in ("x", "y", "width", "height"))
            found[name] = x + w / 2, y + h / 2
    return found


def around(p):
    return [(r, (r + 1) % p) for r in range(p)]


def ring_on(topology, p, n=1000):
    return simulate(lambda comm: ring_allreduce(np.ones(n), comm), p, network=topology).trace


# ---- places


@each_machine
def test_vertices_do_not_lie_on_one_another_and_stay_within_the_width(topology):
    places = places_of(topology, drawn_vertices(topology), 460.0)
    gaps = [np.hypot(*np.subtract(a, b)) for a, b in combinations(places.values(), 2)]
    assert min(gaps, default=99.0) > 10
    assert min(np.min(list(places.values()), axis=0)) == 0
    assert max(x for x, _ in places.values()) <= 460 + 1e-9


def test_devices_are_at_the_bottom_and_switches_as_high_as_their_devices_are_far():
    nodes = presets.pcie_nodes(2)
    places = places_of(nodes, drawn_vertices(nodes), 460.0)
    rows = {name: y for name, (_, y) in places.items()}
    kinds = ["network", "node0.nic", "node1.root0", "node1.pcie3", "node0.gpu5"]
    assert sorted(kinds, key=rows.get) == kinds
    assert rows["node0.root0"] == rows["node0.root1"]
    across = [places[name][0] for name in nodes.devices]
    assert across == sorted(across)
    star = presets.star(12)
    across = [places_of(star, drawn_vertices(star), 460.0)[name][0] for name in star.devices]
    assert across == sorted(across)
    assert places["node0.pcie1"][0] == np.mean([places[f"node0.gpu{g}"][0] for g in (2, 3)])


def test_dead_ends_and_memories_are_drawn_only_where_a_route_passes():
    node = presets.pcie_nodes(1, bounced=True)
    assert not {"network", "node0.nic", "node0.host0.in"} & set(drawn_vertices(node))
    figure = topology_map(node, [(0, 6)])
    assert "node0.root0 to node0.host0.in to node0.host0.out to node0.root0" in figure.alt
    assert "8 links, 3.50 µs, 10.0 GB/s, in 3 turns" in figure.alt


# ---- what is drawn


@each_machine
def test_every_link_between_devices_is_drawn_once_from_end_to_end(topology, tmp_path):
    root = parsed(topology_map(topology), tmp_path)
    at = centres(root)
    assert set(at) == set(drawn_vertices(topology))
    drawn = [link[0].text.split(":")[0].split(" and ") for link in by_class(root, "link")]
    links = [[k.a, k.b] for k in topology.links if k.a in at and k.b in at]
    assert drawn == links
    for (a, b), link in zip(links, by_class(root, "link"), strict=True):
        ends = numbers(link)[:2], numbers(link)[-2:]
        for end, vertex in zip(ends, (a, b), strict=True):
            assert end[1] == pytest.approx(at[vertex][1], abs=0.02)


@each_machine
def test_a_ring_of_routes_goes_over_the_links_of_the_topology(topology, tmp_path):
    p = len(topology.devices)
    root = parsed(topology_map(topology, around(p)), tmp_path)
    routes = by_class(root, "route")
    assert len(routes) == p
    for (a, b), route in zip(around(p), routes, strict=True):
        steps = [
            s
            for stage in topology.stages(*topology.devices_of(p)[a : a + 1], topology.devices[b])
            for s in stage
        ]
        curves = [e for e in route if e.get("stroke") == f"var(--h{a % 8})"]
        assert len(curves) == len(steps)
        assert len([e for e in route if e.get("fill") == f"var(--h{a % 8})"]) == bool(steps)


def test_a_route_by_itself_lies_on_its_links_and_its_arrow_points_at_its_end(tmp_path):
    bounced = presets.pcie_nodes(1, bounced=True)
    for topology, pair in ((bounced, (0, 1)), (presets.star(4), (2, 3)), (presets.star(4), (3, 1))):
        root = parsed(topology_map(topology, [pair]), tmp_path)
        (route,) = by_class(root, "route")
        links = [link.get("d") for link in by_class(root, "link")]
        assert all(e.get("d") in links for e in route.findall(f"{SVG}path[@stroke]"))
        tip = numbers(route.find(f"{SVG}path[@fill='var(--h{pair[0]})']"))[:2]
        at, end = centres(root), topology.devices[pair[1]]
        assert np.hypot(*np.subtract(tip, at[end])) < 18
        assert np.hypot(*np.subtract(tip, at[topology.devices[pair[0]]])) > 18


@each_machine
def test_links_go_past_the_devices_that_they_do_not_join(topology, tmp_path):
    root = parsed(topology_map(topology), tmp_path)
    at = centres(root)
    radius = float(by_class(root, "device")[0][0].get("r"))
    for link in by_class(root, "link"):
        a, b = link[0].text.split(":")[0].split(" and ")
        start, bend, end = np.reshape(numbers(link), (3, 2))
        for t in np.linspace(0, 1, 41):
            point = (1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end
            for device in {*topology.devices} - {a, b}:
                assert np.hypot(*(point - at[device])) > radius


def test_routes_that_share_a_link_lie_beside_one_another(tmp_path):
    root = parsed(topology_map(presets.star(3), [(0, 2), (1, 2)]), tmp_path)
    last = [
        numbers([e for e in route if e.get("stroke-width")][-1])
        for route in by_class(root, "route")
    ]
    assert np.hypot(*np.subtract(last[0][:2], last[1][:2])) == pytest.approx(4.0, abs=0.02)


def test_a_wider_line_has_more_bandwidth_and_the_key_says_how_much(tmp_path):
    root = parsed(topology_map(presets.fat_tree(2, 3)), tmp_path)
    widths = {
        link[0].text.split(":")[0]: float(link.get("stroke-width"))
        for link in by_class(root, "link")
    }
    assert widths["rack0 and core"] > 1.5 * widths["rack0.host1 and rack0"]
    assert [e.text for e in by_class(root, "key")] == [
        "37.5 GB/s, 1.00 µs, 2 links",
        "12.5 GB/s, 1.00 µs, 6 links",
    ]


def test_loads_are_the_bytes_that_the_topology_counts(tmp_path):
    racks = presets.fat_tree(2, 2)
    trace = ring_on(racks, 4)
    carried = racks.bytes_carried(trace)
    figure = topology_map(racks, trace=trace)
    root = parsed(figure, tmp_path)
    assert ["".join(badge.itertext()) for badge in by_class(root, "ruler")] == ["counted"]
    for link in by_class(root, "link"):
        a, b = link[0].text.split(":")[0].split(" and ")
        for way in ((a, b), (b, a)):
            assert f"{way[0]} to {way[1]}: {carried[way] / 1000:.1f} kB" in link[0].text
    assert {e.text for e in by_class(root, "load")} == {"12.0 kB"}
    assert {link.get("stroke-width") for link in by_class(root, "link")} == {"8"}
    assert "The links carried 144 kB; the most, 12.0 kB," in figure.alt
    assert "carried" not in topology_map(racks, trace=Trace(4, [], [])).alt


def test_links_are_as_wide_as_they_were_loaded(tmp_path):
    racks = presets.fat_tree(2, 2)
    trace = Trace(4, [Message(0, 2, 0, 700, 0.0, 1.0), Message(3, 2, 0, 300, 0.0, 1.0)], [])
    root = parsed(topology_map(racks, trace=trace), tmp_path)
    widths = {
        link[0].text.split(":")[0]: link.get("stroke-width") for link in by_class(root, "link")
    }
    assert widths["rack1.host0 and rack1"] == "8"
    assert widths["rack0 and core"] == "5.9"
    assert widths["rack1.host1 and rack1"] == "3.1"
    assert widths["rack0.host1 and rack0"] == "1"


def test_a_half_duplex_link_is_loaded_by_both_ways(tmp_path):
    wire = MACHINES["two of them"]
    root = parsed(topology_map(wire, trace=ring_on(wire, 2)), tmp_path)
    assert [e.text for e in by_class(root, "load")] == ["16.0 kB"]


def test_ranks_stand_where_they_are_placed(tmp_path):
    placed = presets.star(3).placed(["device2", "device0", "device2"])
    root = parsed(topology_map(placed, [(1, 0)]), tmp_path)
    names = ["".join(e.itertext()) for e in by_class(root, "device")]
    assert names == ["device0 with rank 11", "device1", "device2 with rank 0, 20,2"]
    assert "rank 1 to rank 0: device0 to switch to device2" in topology_map(placed, [(1, 0)]).alt
    assert "within one device" in topology_map(placed, [(0, 2)]).alt


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(TypeError, match="needs a Topology, got int"):
        topology_map(3)
    with pytest.raises(TypeError, match="trace as a Trace"):
        topology_map(presets.star(2), trace=3)
    with pytest.raises(ValueError, match="at most 64 devices, the topology has 65"):
        topology_map(presets.star(65))
    for end in (2, -1, "switch"):
        with pytest.raises(ValueError, match="no device and no rank"):
            topology_map(presets.star(2), [(0, end)])
    with pytest.raises(ValueError, match="drawn_at: no link ends at 'c'"):
        Topology([Link("a", "b", 0.0, 1.0)], ["a"], drawn_at={"c": (0, 0)})
