"""Poseidon: each layer's gradient sets out when it is ready, by the way that is shorter for it.

Source: Zhang et al., Poseidon, USENIX ATC 2017, sections 3 and 4; its cost table for the formulas.
Nodes are worker and server at once. Project Adam's way is there to compare with.
"""

import math
from typing import NamedTuple

import numpy as np

from dlpar.data_parallel.factors import FactorExchange
from dlpar.nn.layers import Linear
from dlpar.world import Network, phantom, simulate, work

CHUNK = 2 * 2**20  # byte: what the key-value store spreads over the servers
ETHERNET_40 = Network(alpha=1e-5, beta=1 / 5e9)  # 40 Gb/s; the latency is an order of magnitude


class LayerShape(NamedTuple):
    """A layer's weights (m, n), without biases; of a convolution m counts its inputs' window."""

    name: str
    m: int
    n: int
    positions: int  # at which the weights are applied: 1 for a dense layer

    @property
    def size(self):
        """Return the number of parameters, biases among them."""
        return (self.m + 1) * self.n


def _vgg19(classes):
    blocks = ((64, 2, 224), (128, 2, 112), (256, 4, 56), (512, 4, 28), (512, 4, 14))
    layers, channels = [], 3
    for b, (n, depth, side) in enumerate(blocks, start=1):
        for i in range(1, depth + 1):
            layers.append(LayerShape(f"conv{b}_{i}", 9 * channels, n, side * side))
            channels = n
    sizes = (512 * 7 * 7, 4096, 4096, classes)
    dense = zip(("fc6", "fc7", "fc8"), sizes[:-1], sizes[1:], strict=True)
    return (*layers, *(LayerShape(*layer, 1) for layer in dense))


# 19 layers and 21,841 classes; 229 million parameters, nine tenths of them in three layers.
VGG19_22K = _vgg19(21841)


def server_elements(m, n, p):
    """Return what a node sends and receives by sharded servers: 2 m n (2p - 2) / p elements."""
    return 2 * m * n * (2 * p - 2) / p


def factor_elements(m, n, k, p):
    """Return what a node sends and receives by factors of k examples: 2 k (p - 1)(m + n)."""
    return 2 * k * (p - 1) * (m + n)


def adam_elements(m, n, k, p):
    """Return the average node's by Project Adam's way: (p - 1)(m n + k m + k n) / p elements.

    Factors go to the layer's one server, and the whole matrix comes back. Only one direction is
    counted, as in the paper's table.
    """
    return (p - 1) * (m * n + k * m + k * n) / p


def factors_are_shorter(m, n, k, p):
    """Tell whether factors are at most as many elements as servers: k p <= 2 m n / (m + n)."""
    return factor_elements(m, n, k, p) <= server_elements(m, n, p)


def hybrid_exchange(model, comm, k):
    """Return the exchanger of a batch of k examples a rank: HybComm's choice, layer by layer."""
    dense = [i for i, layer in enumerate(model.layers) if isinstance(layer, Linear)]
    shorter = []
    for i in dense:
        m, n = model.layers[i].W.shape
        if factors_are_shorter(m, n, k, comm.size):
            shorter.append(i)
    return FactorExchange(model, comm, shorter)


class Scheme(NamedTuple):
    """A way to exchange: when gradients set out, in what pieces, and in which form."""

    overlap: bool  # during backward, or after it
    chunk: float  # byte; math.inf: a tensor lies on one server as a whole
    dense: str  # what dense layers send: "matrix", "factors" where shorter, "adam": factors up
    overhead: float  # s an iteration of the distributed build on one node, measured by the authors


# Overheads: the authors' plotting script for Caffe has times of one node in both builds; 0.925 s an
# iteration alone, and these more. That the second entry of its rows is this is inferred.
SCHEMES = {
    "Caffe + PS": Scheme(False, math.inf, "matrix", 0.80),
    "Caffe + WFBP": Scheme(True, CHUNK, "matrix", 0.045),
    "Poseidon": Scheme(True, CHUNK, "factors", 0.010),
    "Adam's way": Scheme(True, CHUNK, "adam", 0.010),
}
ALONE = 0.925  # s, one node's iteration of 32 pictures (18.5 s for 20)


def plan(layers, scheme, k, p, itemsize=4):
    """Return [(up, down)] of the layers: bytes a node sends to each of p nodes, and they back.

    up, down : (p,) floats. Up goes from every node to each server, down from each to all nodes.
    Pieces go to the servers in turn, over all layers, whichever sends them.
    """
    plans, turn = [], 0
    for layer in layers:
        m, n, nbytes = layer.m, layer.n, layer.size * itemsize
        pair = k * (m + n) * itemsize
        if layer.positions == 1 and scheme.dense == "factors" and factors_are_shorter(m, n, k, p):
            plans.append((np.full(p, float(pair)), np.zeros(p)))
            continue
        if layer.positions == 1 and scheme.dense == "adam":
            server = np.eye(p)[turn % p]
            plans.append((pair * server, nbytes * server))
            turn += 1
            continue
        up = np.zeros(p)
        for start in np.arange(0.0, nbytes, min(scheme.chunk, nbytes)):
            up[turn % p] += min(scheme.chunk, nbytes - start)
            turn += 1
        plans.append((up, up))
    return plans


class _Sync:
    """One layer's exchange, moved on whenever the rank looks at it."""

    def __init__(self, ways, comm, tag):
        up, self.down = ways
        self.comm, self.tag = comm, tag
        self.requests = self._start(up, np.full(comm.size, up[comm.rank]))
        self.came_up = False

    def _start(self, to, come):
        """Send `to[r]` bytes to each other rank r, and expect `come[r]` from it."""
        p, me, comm = self.comm.size, self.comm.rank, self.comm
        requests = []
        for source in ((me - s) % p for s in range(1, p)):
            if come[source]:
                room = phantom(round(come[source]), np.uint8)
                requests.append(comm.Irecv(room, source=source, tag=self.tag))
        for dest in ((me + s) % p for s in range(1, p)):
            if to[dest]:
                load = phantom(round(to[dest]), np.uint8)
                requests.append(comm.Isend(load, dest=dest, tag=self.tag))
        return requests

    def advance(self):
        """If what goes up has arrived, send what goes down."""
        if not self.came_up and all(request.Test() for request in self.requests):
            self._turn()

    def wait(self):
        """Wait until what goes up has arrived, and send what goes down."""
        if not self.came_up:
            self._wait_all()
            self._turn()

    def finish(self):
        """Wait for the rest."""
        self.wait()
        self._wait_all()

    def _wait_all(self):
        for request in self.requests:
            request.Wait()

    def _turn(self):
        """Send what goes down: of my own share to all, of the others' shares from each."""
        self.came_up = True
        own = np.full(self.comm.size, self.down[self.comm.rank])
        self.requests = self._start(own, self.down)


def iterate(comm, layers, plans, seconds, overlap):
    """Do one iteration: forward, backward from the top, exchanges; all of declared time.

    seconds : of one node's iteration, a third of it forward; layers take it by their operations.
    """
    costs = np.array([layer.m * layer.n * layer.positions for layer in layers], float)
    work(comm, seconds=seconds / 3)
    under_way = []
    for i in reversed(range(len(layers))):
        work(comm, seconds=seconds * 2 / 3 * costs[i] / costs.sum())
        if overlap:
            under_way.append(_Sync(plans[i], comm, i))
            for sync in under_way:
                sync.advance()
    if not overlap:
        under_way = [_Sync(plans[i], comm, i) for i in reversed(range(len(layers)))]
    for sync in under_way:
        sync.wait()
    for sync in under_way:
        sync.finish()


def speed_up(scheme, p, layers=VGG19_22K, k=32, network=ETHERNET_40, seconds=ALONE):
    """Return (simulated speed-up of p nodes over one, (p,) bytes that the nodes sent).

    p nodes do p times the pictures: p * seconds / the iteration's time, the overhead in it. What
    `overlap` hides here is the most that can be hidden: the network needs no processor.
    """
    plans = plan(layers, scheme, k, p)
    out = simulate(
        iterate, p, args=(layers, plans, seconds, scheme.overlap), network=network, timeout=120
    )
    return p * seconds / (out.time + scheme.overhead), out.trace.bytes_sent


def hot_spot_speed_up(p, layers=VGG19_22K, k=32, network=ETHERNET_40, seconds=ALONE):
    """Return the speed-up by one formula: all wait for the server of the largest tensor.

    2 (p - 1) times its bytes over its link, after the iteration and the overhead. Found after the
    fact: it explains the curve of Caffe + PS, it did not predict it.
    """
    largest = 4 * max(layer.m * layer.n for layer in layers)
    overhead = SCHEMES["Caffe + PS"].overhead
    return p * seconds / (seconds + overhead + 2 * (p - 1) * largest * network.beta)
