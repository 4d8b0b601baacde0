"""A cluster: the GPUs of a topology, and which of them share a switch, a socket, a node, a rack."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from dlpar.world import Link, Topology
from dlpar.world.presets import GB, NEAR, PCIE3, QPI, RDMA

ETHERNET_25 = 3.125 * GB  # byte/s
DECODING = 1 * GB  # byte/s of pictures that the cores of a socket decode: declared

LEVELS = ("switch", "socket", "node", "rack")  # from near to far
NODE = LEVELS.index("node")


class Place(NamedTuple):
    """Where a GPU is: the names of what it shares with its neighbours."""

    switch: str
    socket: str
    node: str
    rack: str


@dataclass(frozen=True, eq=False)
class Cluster:
    """The GPUs of a topology, with their places.

    Places follow from the names of the presets: GPU "rack0.node1.gpu2" is in "rack0.node1", its
    switch is the neighbour called "pcie..." and the socket that one's neighbour called "root...".
    A device without such neighbours has its node for a switch and a socket.

    hosts : GPU -> the vertex from which it reads its batches; where none, reading takes no time.
    """

    topology: Topology
    hosts: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def gpus(self):
        """The names of the GPUs, in order."""
        return tuple(self.topology.devices)

    @cached_property
    def order(self):
        """GPU -> its number in `gpus`."""
        return {gpu: i for i, gpu in enumerate(self.gpus)}

    @cached_property
    def places(self):
        """GPU -> its Place."""
        return {gpu: self._place(gpu) for gpu in self.gpus}

    @cached_property
    def node_of(self):
        """GPU -> the name of its node."""
        return {gpu: place.node for gpu, place in self.places.items()}

    def _place(self, gpu):
        path, _, last = gpu.rpartition(".")
        node = path if last.startswith("gpu") else gpu
        rack = next((part for part in gpu.split(".") if part.startswith("rack")), "")
        switch = self._above(gpu, "pcie") or node
        return Place(switch, self._above(switch, "root") or node, node, rack)

    def _above(self, vertex, kind):
        around = self.topology.neighbours.get(vertex, ())
        return next((v for v in around if v.rpartition(".")[2].startswith(kind)), None)

    @cached_property
    def rooms(self):
        """For each of LEVELS, {name: its GPUs, in order}."""
        found = [{} for _ in LEVELS]
        for gpu in self.gpus:
            for groups, name in zip(found, self.places[gpu], strict=True):
                groups.setdefault(name, []).append(gpu)
        return dict(zip(LEVELS, found, strict=True))

    @cached_property
    def groups(self):
        """(LEVELS, GPUs) int: the number of the group that each GPU is in, at each level."""
        found = []
        for level, rooms in enumerate(self.rooms.values()):
            number = {name: i for i, name in enumerate(rooms)}
            found.append([number[self.places[gpu][level]] for gpu in self.gpus])
        return np.array(found)

    @cached_property
    def routes(self):
        """What has been asked of the topology: (a, b) -> the stages from a to b."""
        return {}

    @cached_property
    def node_sizes(self):
        """(nodes,) int: the GPUs of each node."""
        return np.bincount(self.groups[NODE])

    def numbers(self, gpus):
        """Return the numbers of `gpus` in the cluster's order, as an array."""
        return np.fromiter(map(self.order.__getitem__, gpus), dtype=np.intp)

    def distance(self, a, b):
        """Return 0 for one GPU, 1 for GPUs on one switch, ... 4 in one rack, 5 beyond."""
        if a == b:
            return 0
        pairs = zip(self.places[a], self.places[b], strict=True)
        return next((i for i, (x, y) in enumerate(pairs, start=1) if x == y), len(LEVELS) + 1)

    def fragmentation(self, free):
        """Return the share of the `free` GPUs that are in nodes which are not wholly free.

        Such GPUs are of no use to a job that asks for a node; 0 where no GPU is free.
        """
        left = np.bincount(self.groups[NODE][self.numbers(free)], minlength=len(self.node_sizes))
        total = int(left.sum())
        return 1 - int(left[left == self.node_sizes].sum()) / total if total else 0.0


def gpu_cluster(
    nodes, racks=1, sockets=2, switches=2, gpus=2, ethernet=ETHERNET_25, oversubscription=1.0,
    decoding=DECODING, **settings,
):  # fmt: skip
    """Return a Cluster of `racks` racks of `nodes` nodes: sockets of PCIe switches of GPUs.

    With the defaults a node has 8 GPUs, and a network card of 25 Gb/s on its first socket. A rack's
    uplink is as fat as its nodes' cards together, over `oversubscription`. The cores of a socket
    decode `decoding` byte/s of batches for their GPUs.

    Source: the tree of Amaral et al., SC 2017, and 25 Gb/s in Sergeev & Del Balso,
    arXiv:1802.05799, as in `pcie_nodes`; `decoding` is declared.
    """
    links, devices, hosts = [], [], {}
    for r in range(racks):
        links.append(Link(f"rack{r}", "core", RDMA, nodes * ethernet / oversubscription))
        for node in (f"rack{r}.node{n}" for n in range(nodes)):
            for s in range(sockets):
                root = f"{node}.root{s}"
                links.append(Link(f"{node}.host{s}", root, NEAR, decoding))
                links += [Link(root, f"{node}.root{t}", NEAR, QPI) for t in range(s)]
                for w in range(s * switches, (s + 1) * switches):
                    links.append(Link(f"{node}.pcie{w}", root, NEAR, PCIE3))
                    for name in (f"{node}.gpu{g}" for g in range(w * gpus, (w + 1) * gpus)):
                        links.append(Link(name, f"{node}.pcie{w}", NEAR, PCIE3))
                        devices.append(name)
                        hosts[name] = f"{node}.host{s}"
            links.append(Link(f"{node}.root0", f"{node}.nic", NEAR, PCIE3))
            links.append(Link(f"{node}.nic", f"rack{r}", RDMA, ethernet))
    return Cluster(Topology(links, devices, _up_and_down, **settings), hosts)


def _up_and_down(topology, a, b):
    """Climb from `a` to the first vertex that is also above `b`, and go down from there."""
    up, down = _climb(topology, a), _climb(topology, b)
    top = next((v for v in up if v in down), None)
    if top is None and up[-1].rpartition(".")[0] == down[-1].rpartition(".")[0]:
        return up + down[::-1]  # the sockets of a node are joined
    if top is None:
        up, down = _to_network(up), _to_network(down)
        top = next((v for v in up if v in down), None)
    if top is not None:
        return up[: up.index(top)] + down[: down.index(top) + 1][::-1]
    return [*up, "core", *down[::-1]]


def _climb(topology, vertex):
    """Return the vertices from a GPU or a host up to its socket."""
    path = [vertex]
    while not path[-1].rpartition(".")[2].startswith("root"):
        path.append(next(iter(topology.neighbours[path[-1]])))  # what is above was declared first
    return path


def _to_network(path):
    """Return `path`, which ends at a socket, and on over the first one to the rack's switch."""
    node = path[-1].rpartition(".")[0]
    first = f"{node}.root0"
    joined = path if path[-1] == first else [*path, first]
    return [*joined, f"{node}.nic", node.partition(".")[0]]
