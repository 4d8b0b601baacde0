"""Sufficient factors: a dense layer's gradient travels as the two thin matrices that make it.

K examples give a layer of weights (m, n) the gradient x.T @ dy, with inputs x (K, m) and errors dy
(K, n). While K (m + n) < m n it is shorter to send x and dy, and to multiply where they arrive.
Source: Xie et al., Lighter-Communication Distributed Machine Learning via Sufficient Factor
Broadcasting, UAI 2016.
"""

import numpy as np

from dlpar.collectives import ring_allreduce
from dlpar.nn.layers import Linear
from dlpar.world import Status, work


def factor_bytes(m, n, k, p, itemsize=4):
    """Return the bytes that one of p ranks sends for a layer (m, n): (p - 1) K (m + n) elements."""
    return (p - 1) * k * (m + n) * itemsize


def factors_of(layer):
    """Return the layer's inputs x (K, m) beside its errors dy (K, n) as one array (K, m + n).

    (0, m + n) if the rank had no example. Raises ValueError if its gradient has been added up over
    several passes: then the last one's factors are not all of it.
    """
    if not (layer.db.any() or layer.dW.any()):
        return np.empty((0, sum(layer.W.shape)), layer.W.dtype)
    if not np.array_equal(np.add.reduce(layer.dy, axis=0), layer.db):
        raise ValueError("factors are of one pass: the gradient is of several (micro)")
    return np.concatenate((layer.x, layer.dy), axis=1)


def rebuild(layer, pairs, comm):
    """Set the layer's dW and db to the sum over `pairs`, each (K_i, m + n), in their order.

    2 m n sum(K_i) operations, on every rank: computing pays for what is not sent.
    """
    m, n = layer.W.shape
    together = np.concatenate(pairs)
    work(comm, flops=2 * len(together) * m * n)
    x, dy = together[:, :m], together[:, m:]
    np.dot(x.T, dy, out=layer.dW)
    np.add.reduce(dy, axis=0, out=layer.db)


class FactorExchange:
    """An exchanger that broadcasts factors of dense layers, and sums the others by an allreduce.

    Every rank rebuilds the sum over ranks in rank order, so that all hold the same bits. A layer's
    factors set out as soon as backward has finished it. Weight decay, like all that is no product
    of factors, has to be added by the optimiser, on every rank.
    """

    def __init__(self, model, comm, layers=None, rest=ring_allreduce):
        """Plan it.

        layers : indices into model.layers of the Linear layers to send so; None: of all.
        rest : exchanger for everything else, stretch by stretch.
        Shares of a batch may differ between ranks by one example, as `descend_together` cuts them.
        """
        dense = [i for i, layer in enumerate(model.layers) if isinstance(layer, Linear)]
        self.layers = dense if layers is None else sorted(layers)
        if strangers := set(self.layers) - set(dense):
            raise ValueError(f"only Linear layers have factors, these have none: {strangers}")
        self.model, self.comm, self.rest = model, comm, rest
        self.under_way = {}  # layer -> (pair, {rank: (buffer, request)}, sends)

    def ready(self, part):
        """`grads[part]` is final: its factors set out."""
        for i in self.layers:
            if self.model.parts[i] == part:
                self._send(i)

    def _send(self, i):
        p, me, comm = self.comm.size, self.comm.rank, self.comm
        pair = factors_of(self.model.layers[i])
        coming = {}
        for source in ((me - s) % p for s in range(1, p)):
            room = np.empty((len(pair) + 1, pair.shape[1]), pair.dtype)
            coming[source] = room, comm.Irecv(room, source=source, tag=i)
        sends = [comm.Isend(pair, dest=(me + s) % p, tag=i) for s in range(1, p)]
        self.under_way[i] = pair, coming, sends

    def __call__(self, grads, comm):
        """Return `grads`, the model's own vector, summed over the ranks."""
        if grads is not self.model.grads or comm is not self.comm:
            raise ValueError("these factors belong to another model's grads, or to another comm")
        for i in self.layers:
            if i not in self.under_way:
                self._send(i)
        for stretch in self._stretches():
            grads[stretch] = self.rest(grads[stretch], comm)
        for i in self.layers:
            self._finish(i)
        return grads

    def _finish(self, i):
        pair, coming, sends = self.under_way.pop(i)
        pairs, met = {self.comm.rank: pair}, Status()
        for source, (room, request) in coming.items():
            request.Wait(met)
            pairs[source] = room[: met.Get_count() // max(room[:1].nbytes, 1)]
        for request in sends:
            request.Wait()
        rebuild(self.model.layers[i], [pairs[r] for r in sorted(pairs)], self.comm)

    def _stretches(self):
        """Return the slices of the gradient between the layers that go as factors."""
        stretches, start = [], 0
        for i in self.layers:
            part = self.model.parts[i]
            stretches.append(slice(start, part.start))
            start = part.stop
        stretches.append(slice(start, self.model.grads.size))
        return [s for s in stretches if s.stop > s.start]


def relay_tree(p, offsets):
    """Return {distance: (offset of the last hop, hops)} for ranks that send to r + offset only.

    A pair of factors from rank o reaches rank o + distance (mod p) over the fewest hops, once.
    Raises ValueError if the offsets do not lead everywhere.
    """
    if not all(0 < o < p for o in offsets):
        raise ValueError(f"an offset lies between 0 and {p} ranks, got {tuple(offsets)}")
    reached, level, hops = {0: (0, 0)}, [0], 0
    while level:
        hops += 1
        found = []
        for d in level:
            for o in offsets:
                if (there := (d + o) % p) not in reached:
                    reached[there] = o, hops
                    found.append(there)
        level = found
    if len(reached) < p:
        raise ValueError(f"offsets {tuple(offsets)} do not reach all of {p} ranks")
    del reached[0]
    return reached


class RelayedFactors:
    """Partial broadcasting: a rank sends to few others, and passes on what is new to it.

    Every pair of factors reaches every rank once, late by its hops less one update. So a rank has
    fewer partners, and its replica differs from the others' by what is still under way: never by
    more updates than the tree is deep. All layers with parameters must be Linear, shares equal.
    """

    def __init__(self, model, comm, offsets=(1,)):
        """Send to the ranks r + offset, for each of `offsets`. ValueError as `relay_tree`."""
        self.layers = [i for i, layer in enumerate(model.layers) if layer.parameters]
        if not all(isinstance(model.layers[i], Linear) for i in self.layers):
            raise ValueError("only Linear layers have factors")
        self.model, self.comm, self.offsets = model, comm, tuple(offsets)
        self.tree = relay_tree(comm.size, self.offsets) if comm.size > 1 else {}
        self.depth = max((hops for _, hops in self.tree.values()), default=0)
        self.fresh = {}  # distance from its origin -> pairs of all layers, new since the last call

    def __call__(self, grads, comm):
        """Return the sum of this rank's gradient and of all that have just arrived."""
        own = [factors_of(self.model.layers[i]) for i in self.layers]
        self.fresh = {0: own} | self.fresh
        arrived = self._relay()
        self._add_up([own, *arrived.values()])
        self.fresh = arrived
        return grads

    def drain(self):
        """Return the sum of what is still under way, (d,): after it, all replicas have the same.

        depth - 1 more rounds in which nobody adds anything new; all ranks call it.
        """
        total = np.zeros_like(self.model.grads)
        while self.fresh:
            self.fresh = self._relay()
            if self.fresh:
                self._add_up(list(self.fresh.values()))
                total += self.model.grads
        return total

    def _relay(self):
        """Pass on what is fresh; return {distance: pairs} that arrived, by origin's distance."""
        p, me, arrived = self.comm.size, self.comm.rank, {}
        for offset in self.offsets:
            going = [d for d in sorted(self.fresh) if self._carries(d, offset)]
            for d in going:  # the ranks' trees are the same: all send the same distances
                received = [np.empty_like(pair) for pair in self.fresh[d]]
                for pair, room in zip(self.fresh[d], received, strict=True):
                    self.comm.Sendrecv(
                        pair, dest=(me + offset) % p, recvbuf=room, source=(me - offset) % p
                    )
                arrived[(d + offset) % p] = received
        return arrived

    def _carries(self, d, offset):
        there = (d + offset) % self.comm.size
        if there not in self.tree:
            return False
        via, hops = self.tree[there]
        return via == offset and hops == (self.tree[d][1] if d else 0) + 1

    def _add_up(self, given):
        """Set the model's grads to the sum over `given`, lists of the layers' pairs."""
        for k, i in enumerate(self.layers):
            rebuild(self.model.layers[i], [pairs[k] for pairs in given], self.comm)
