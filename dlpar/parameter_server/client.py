"""The worker's side: pull the weights from all servers, push a gradient to all servers."""

import numpy as np

from dlpar.parameter_server.history import Read
from dlpar.parameter_server.server import DONE, HEADER, PULL, PUSH, REPLY
from dlpar.parameter_server.shards import gather_shard, shard_size, spread_shard


class Client:
    """A worker's link to servers 0 .. S-1, server k of which holds the slices `shards[k]`.

    `clock` is how many gradients this worker has pushed; `reads` is what its pulls brought.
    """

    def __init__(self, comm, shards, workers, dtype):
        """Take the shards, all workers' ranks in the servers' order, and the weights' dtype."""
        self.comm, self.shards, self.workers = comm, shards, list(workers)
        self.clock = 0
        self.reads = []
        sizes = [shard_size(shard) for shard in shards]
        self.pushes = [np.empty(HEADER + n, dtype) for n in sizes]
        self.replies = [np.empty(1 + len(self.workers) + n, dtype) for n in sizes]
        self.versions = [0] * len(shards)

    def pull(self, vector):
        """Overwrite `vector`, (d,), by the servers' weights, once they are fresh enough.

        Each server decides for itself when to answer: shards may be of different versions.
        """
        comm = self.comm
        asked = np.array([self.clock, 0], vector.dtype)
        answers = [comm.Irecv(r, source=k, tag=REPLY) for k, r in enumerate(self.replies)]
        for k in range(len(self.shards)):
            comm.Send(asked, dest=k, tag=PULL)
        for k, answer in enumerate(answers):
            answer.Wait()
            reply = self.replies[k]
            first = 1 + len(self.workers)
            included = dict(zip(self.workers, map(int, reply[1:first]), strict=True))
            self.versions[k] = int(reply[0])
            self.reads.append(Read(k, comm.rank, self.clock, included, self.versions[k]))
            spread_shard(reply[first:], self.shards[k], vector)

    def refresh(self, vector, staleness):
        """Pull only if what was pulled last has become too old; return whether.

        A cache: what contains all gradients of clocks up to c - staleness - 1 will do at clock c.
        Meanwhile the worker moves `vector` by its own gradients itself. With staleness 0 every
        clock pulls; with more, there are fewer messages and older weights.
        Source: Ho et al., NIPS 2013, section 3.
        """
        last = self.reads[-len(self.shards) :]
        oldest = min((min(read.included.values()) for read in last), default=-1)
        if self.reads and oldest >= self.clock - staleness:
            return False
        self.pull(vector)
        return True

    def push(self, grads):
        """Send `grads`, (d,), to the servers, each its slices, and move the clock on by 1."""
        sent = []
        for k, (shard, message) in enumerate(zip(self.shards, self.pushes, strict=True)):
            message[:HEADER] = self.clock, self.versions[k]
            gather_shard(grads, shard, message[HEADER:])
            sent.append(self.comm.Isend(message, dest=k, tag=PUSH))
        for request in sent:
            request.Wait()
        self.clock += 1

    def done(self):
        """Tell the servers that this worker will not come again."""
        for k in range(len(self.shards)):
            self.comm.Send(self.pushes[k][:0], dest=k, tag=DONE)
