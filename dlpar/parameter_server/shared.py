"""A parameter server on one host: gradients and weights are read where they lie, by everybody.

Messages carry clocks alone. Bulk synchronous only: then nobody reads the weights while the server
changes them, and no gradient is written while it is read.
"""

import numpy as np

from dlpar.collectives.adding import adder
from dlpar.collectives.shared import CACHE
from dlpar.nn.layers import aligned
from dlpar.parameter_server.history import Read
from dlpar.parameter_server.server import DONE, HEADER, PULL, PUSH, REPLY, Shard
from dlpar.world import ANY_SOURCE, ANY_TAG, Status


def serve_shared(comm, shared, workers, update):
    """Serve the weights in `shared.mine` to `SharedClient`s until each worker is done.

    Parameters
    ----------
    shared : SharedVectors(comm, n, dtype), made by all ranks. This rank's vector holds the weights,
        a worker's its gradient.
    workers : ranks, in the order in which their gradients of a clock are added up.
    update : function of a gradient, (n,), that changes `shared.mine` in place; it may not keep the
        gradient, whose memory serves again.

    Returns the list of Applied. Weights and history are those of `serve` with staleness 0, to the
    bit; so are the errors.

    Cost: a pull and a push are messages of some numbers. The server reads p n elements and writes n
    for their sum, once a clock, besides what `update` does.
    """
    shard = _InPlace(shared, workers, update)
    inbox, status = np.empty(HEADER, np.int64), Status()
    while shard.at_work:
        comm.Recv(inbox, source=ANY_SOURCE, tag=ANY_TAG, status=status)
        worker, tag = status.Get_source(), status.Get_tag()
        clock, version = inbox.tolist()
        if tag == PUSH:
            shard.push(worker, clock, version, shared.vectors[worker])
        elif tag == PULL:
            shard.waiting.append((worker, clock))
        elif tag == DONE:
            shard.leave(worker)
        for asker in shard.due():
            reply = np.array([len(shard.history), *shard.included.values()], np.int64)
            comm.Send(reply, dest=asker, tag=REPLY)
    return shard.history


class _InPlace(Shard):
    """A shard whose gradients stay as they are, where they are, until their clock closes."""

    def __init__(self, shared, workers, update):
        super().__init__(shared.mine, workers, 0, update)
        rows = [shared.vectors[worker] for worker in workers]
        self.total = aligned(self.weights.shape, self.weights.dtype)
        self.add_all = adder(rows, self.total, (len(rows) + 1) * self.total.nbytes > CACHE)

    def keep(self, gradient):
        """Return `gradient`: its worker writes no other before its next pull is answered."""
        return gradient

    def add_up(self, gradients):
        """Return the sum, in the order of the workers; the next one overwrites it."""
        if len(gradients) == len(self.pushed):
            self.add_all()
        else:  # some have left: this happens for the last clocks only
            self.total[:] = gradients[0]
            for gradient in gradients[1:]:
                self.total += gradient
        return self.total


class SharedClient:
    """A worker's link to `serve_shared`, with the methods of `Client`.

    weights : (n,) array, read-only: the server's, where they lie. They stay as a pull found them
        until this worker's next push.
    grads : (n,) array, to be written between a pull and the push.

    Both may be a model's own vectors (`model.live_in(client.weights, client.grads)`): then nothing
    is ever copied.
    """

    def __init__(self, comm, shared, server, workers):
        """Take what `serve_shared` took, and the rank that serves."""
        self.comm, self.server, self.workers = comm, server, list(workers)
        self.weights, self.grads = shared.vectors[server], shared.mine
        self.clock = self.version = 0
        self.reads = []
        self._reply = np.empty(1 + len(self.workers), np.int64)
        self._pulled = False  # since the last push

    def pull(self, vector):
        """Wait until all gradients of the last clock are in; copy the weights into `vector`, (n,).

        If `vector` is `self.weights` itself there is nothing to copy.
        """
        self.comm.Send(np.array([self.clock, 0]), dest=self.server, tag=PULL)
        self.comm.Recv(self._reply, source=self.server, tag=REPLY)
        self.version, *counts = self._reply.tolist()
        included = dict(zip(self.workers, counts, strict=True))
        self.reads.append(Read(0, self.comm.rank, self.clock, included, self.version))
        self._pulled = True
        if vector is not self.weights:
            vector[:] = self.weights

    def push(self, grads):
        """Hand `grads`, (n,), to the server, and move the clock on by 1.

        They are copied into `self.grads`, unless they are it. Raises ValueError, before anything
        is done, without a pull since the last push: the server may still read the last gradient.
        """
        if not self._pulled:
            raise ValueError("a push to shared memory needs a pull before it, in each clock")
        if grads is not self.grads:
            self.grads[:] = grads
        self.comm.Send(np.array([self.clock, self.version]), dest=self.server, tag=PUSH)
        self.clock += 1
        self._pulled = False

    def done(self):
        """Tell the server that this worker will not come again."""
        self.comm.Send(np.array([self.clock, self.version]), dest=self.server, tag=DONE)
