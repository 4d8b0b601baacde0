"""Machines and clusters as topologies: short functions, with the sources of their numbers.

Bandwidths are each direction's, and peaks: programs see 80 to 90 % of them. Numbers marked "order
of magnitude" are no measurement: they keep near links near and far ones far.
"""

from dlpar.world.topology import Link, Topology, fewest_links

GB = 1e9  # byte
PCIE3 = 15.75 * GB  # PCI Express 3.0, 16 lanes: 8 GT/s, 128 of 130 bits (PCI-SIG)
NVLINK2 = 25 * GB  # one NVLink of a V100; it has six (NVIDIA, V100 whitepaper, 2017)
QPI = 19.2 * GB  # 9.6 GT/s of 2 bytes (Intel, QuickPath)
MEMCPY = 10 * GB  # a copy in host memory by one core: order of magnitude
NEAR = 5e-7  # s, a hop inside a machine: order of magnitude
ETHERNET_100 = 12.5 * GB
RDMA = 1e-6  # s, network card to switch: order of magnitude


def star(devices, latency=2.5e-6, bandwidth=10 * GB, **settings):
    """Join each device to one switch: `Network` with alpha = 2 latency, but fair sharing."""
    names = [f"device{i}" for i in range(devices)]
    return Topology([Link(name, "switch", latency, bandwidth) for name in names], names, **settings)


def pcie_nodes(nodes=2, bounced=False, **settings):
    """Join nodes of 8 GPUs: 2 sockets of 2 PCIe switches of 2 GPUs; a 100 Gb/s card each.

    Peer to peer, a copy crosses switches, root ports and the sockets' link in one go, and the
    network card reads GPU memory. With `bounced`, it goes to host memory, is copied there to the
    receiver's buffer (or to the other node), and goes down from there: three transfers in turn.

    Source: PCIe 3.0 and QPI as above; such trees, Amaral et al., SC 2017.
    """
    links, devices, stores = [], [], []
    for n in range(nodes):
        for socket in (0, 1):
            root, host = f"node{n}.root{socket}", f"node{n}.host{socket}"
            links.append(Link(root, f"{host}.out", NEAR, 4 * PCIE3))
            links.append(Link(root, f"{host}.in", NEAR, 4 * PCIE3))
            links.append(Link(f"{host}.in", f"{host}.out", 0.0, MEMCPY))
            stores += [f"{host}.in", f"{host}.out"]
            for plx in (2 * socket, 2 * socket + 1):
                switch = f"node{n}.pcie{plx}"
                links.append(Link(switch, root, NEAR, PCIE3))
                for gpu in (2 * plx, 2 * plx + 1):
                    devices.append(f"node{n}.gpu{gpu}")
                    links.append(Link(devices[-1], switch, NEAR, PCIE3))
        links.append(Link(f"node{n}.root0", f"node{n}.root1", NEAR, QPI))
        links.append(Link(f"node{n}.root0", f"node{n}.nic", NEAR, PCIE3))
        links.append(Link(f"node{n}.nic", "network", RDMA, ETHERNET_100))
    route = _over_hosts if bounced else _past_hosts
    return Topology(links, devices, route, stores, **settings)


def _past_hosts(topology, a, b):
    """Peer to peer: no memory but the two devices' is on the path."""
    return fewest_links(topology, a, b)


def _over_hosts(topology, a, b):
    """Bounced: through the memory of the sender's socket and, in another node, the receiver's."""
    out, into = _host(topology, a), _host(topology, b)
    up = fewest_links(topology, a, f"{out}.in")
    if a.split(".")[0] == b.split(".")[0]:
        return up + fewest_links(topology, f"{out}.out", b)
    across = fewest_links(topology, f"{out}.in", f"{into}.in")
    return up + across[1:] + fewest_links(topology, f"{into}.in", b)[1:]


def _host(topology, device):
    node, gpu = device.split(".gpu")
    return f"{node}.host{int(gpu) // 4}"


# GPU pairs of a DGX-1 with V100s and how many NVLinks join them: each GPU has six.
CUBE_MESH = {
    (0, 1): 1, (0, 2): 1, (0, 3): 2, (0, 4): 2, (1, 2): 2, (1, 3): 1, (1, 5): 2, (2, 3): 2,
    (2, 6): 1, (3, 7): 1, (4, 5): 1, (4, 6): 1, (4, 7): 2, (5, 6): 2, (5, 7): 1, (6, 7): 2,
}  # fmt: skip

# Two faces of four GPUs, the second behind the first; the PCIe switches above and below each.
_CORNERS = {0: (0.0, 0.0), 1: (1.0, 0.0), 2: (1.0, 1.0), 3: (0.0, 1.0)}
_CUBE = {f"gpu{i}": (x + 2.3 * (i // 4), y + 0.5 * (i // 4))
         for i in range(8) for x, y in [_CORNERS[i % 4]]} | {
    "pcie0": (0.5, -0.6), "pcie1": (0.5, 1.6), "pcie2": (2.8, -0.1), "pcie3": (2.8, 2.1),
    "root0": (-0.8, 0.5), "root1": (4.1, 1.0), "nic": (-0.8, -0.3),
}  # fmt: skip


def dgx1(**settings):
    """Join 8 V100s in a hybrid cube mesh of NVLinks; those not joined go over PCIe and QPI.

    Source: NVIDIA, DGX-1 with Tesla V100 system architecture, 2017; the pairs as
    `nvidia-smi topo -m` prints them.
    """
    links = [
        Link(k.a.removeprefix("node0."), k.b.removeprefix("node0."), k.latency, k.bandwidth)
        for k in pcie_nodes(1).links
        if "host" not in k.a + k.b and "network" not in k.b
    ]
    joined = [Link(f"gpu{a}", f"gpu{b}", NEAR, n * NVLINK2) for (a, b), n in CUBE_MESH.items()]
    names = [f"gpu{i}" for i in range(8)]
    return Topology(joined + links, names, drawn_at=_CUBE, **settings)


def dgx2(**settings):
    """Join 16 V100s by 12 NVSwitches, each GPU with six NVLinks: any pairs at full speed at once.

    The switches are one vertex: a GPU spreads what it sends over all its links.

    Source: NVIDIA, NVSwitch technical overview, 2018: 2.4 TB/s bisection = 8 pairs x 300 GB/s.
    """
    names = [f"gpu{i}" for i in range(16)]
    links = [Link(name, "nvswitch", NEAR, 6 * NVLINK2) for name in names]
    return Topology(links, names, **settings)


def fat_tree(racks, hosts, oversubscription=1.0, **settings):
    """Join `racks` racks of `hosts` hosts with 100 Gb/s: a switch a rack, and a core above.

    The link from rack to core is as fat as all its hosts' together, over `oversubscription`.

    Source: Leiserson, Fat-trees, IEEE Trans. Computers 1985; oversubscription, Al-Fares et al.,
    SIGCOMM 2008.
    """
    uplink = hosts * ETHERNET_100 / oversubscription
    links = [Link(f"rack{r}", "core", RDMA, uplink) for r in range(racks)]
    devices = [f"rack{r}.host{h}" for r in range(racks) for h in range(hosts)]
    links += [Link(name, name.split(".")[0], RDMA, ETHERNET_100) for name in devices]
    return Topology(links, devices, **settings)


def torus(rows, columns, latency=1e-6, bandwidth=62 * GB, **settings):
    """Join rows x columns devices (3 or more each) in rings; routes go along the row first.

    Source: dimension-order routing, Dally & Seitz, IEEE Trans. Computers 1987; the bandwidth,
    496 Gb/s a direction, TPU v2 in Jouppi et al., CACM 2020.
    """
    if min(rows, columns) < 3:
        raise ValueError(f"a torus needs at least 3 rows and columns, got {rows} x {columns}")

    def route(_, a, b):
        (y, x), (to_y, to_x) = (map(int, name[1:].split(",")) for name in (a, b))
        across = [f"d{y},{i}" for i in _round(x, to_x, columns)]
        return across + [f"d{i},{to_x}" for i in _round(y, to_y, rows)][1:]

    links = []
    for y in range(rows):
        for x in range(columns):
            links.append(Link(f"d{y},{x}", f"d{y},{(x + 1) % columns}", latency, bandwidth))
            links.append(Link(f"d{y},{x}", f"d{(y + 1) % rows},{x}", latency, bandwidth))
    grid = {f"d{y},{x}": (float(x), float(y)) for y in range(rows) for x in range(columns)}
    return Topology(links, list(grid), route, drawn_at=grid, **settings)


def _round(start, end, n):
    """Return the places from `start` to `end` on a ring of n, the shorter way; a tie goes up."""
    up = (end - start) % n
    step, count = (1, up) if up <= n - up else (-1, n - up)
    return [(start + step * i) % n for i in range(count + 1)]


def two_sites(hosts, latency=0.02, bandwidth=1.25 * GB, **settings):
    """Join two sites of `hosts` hosts each, with 100 Gb/s inside, by one link of 10 Gb/s.

    Source: 5 us a km in glass (c / 1.5): 20 ms are 4,000 km, from coast to coast.
    """
    links = [Link("site0", "site1", latency, bandwidth)]
    devices = [f"site{s}.host{h}" for s in (0, 1) for h in range(hosts)]
    links += [Link(name, name.split(".")[0], RDMA, ETHERNET_100) for name in devices]
    return Topology(links, devices, **settings)


def phones(count, uplink=1.25e6, downlink=5e6, **settings):
    """Join a server, rank 0, to `count` phones on 4G: 10 Mb/s up, 40 Mb/s down, 25 ms one way.

    Up and down are links of their own, since they differ; routes take the right one.

    Source: orders of magnitude of 4G in the field, not the standard's peaks.
    """
    names = [f"phone{i}" for i in range(count)]
    links = [Link("server", "internet", 1e-3, 10 * GB)]
    links += [Link(name, f"{name}.up", 0.024, uplink) for name in names]
    links += [Link(name, f"{name}.down", 0.024, downlink) for name in names]
    links += [Link(f"{n}.{way}", "internet", 0.0, GB) for n in names for way in ("up", "down")]

    def route(_, a, b):
        start = [a] if a == "server" else [a, f"{a}.up"]
        return [*start, "internet", *([b] if b == "server" else [f"{b}.down", b])]

    return Topology(links, ["server", *names], route, **settings)
