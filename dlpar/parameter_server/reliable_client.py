"""The worker's side of `serve_reliably`: ask until there is an answer, here or down the chain."""

import numpy as np

from dlpar.parameter_server.history import Read
from dlpar.parameter_server.mailbox import Mailbox, Patience
from dlpar.parameter_server.reliable import BYE, GONE, HEARD, JOIN, WELCOME, tries_for
from dlpar.parameter_server.server import DONE, HEADER, PULL, PUSH, REPLY
from dlpar.parameter_server.shards import gather_shard, shard_size, spread_shard
from dlpar.world import clock as time_of


class ReliableClient:
    """A worker's link to servers that may be lost, over a network that loses messages.

    A `Client` otherwise: pull, push, done, `clock` and `reads`; and join. `acknowledged[k]` is how
    many of this worker's gradients server k has answered for: they outlive it.

    What waits raises TimeoutError that names the rank, if the last rank of a chain is silent for
    `patience.tries * patience.seconds`; and ConnectionError if the server has dropped this worker.
    """

    def __init__(self, comm, shards, workers, dtype, patience=None, chains=None):
        """Take what `Client` takes; a Patience; and each server's chain of ranks, head first.

        Without chains server k is rank k, as in `Client`.
        """
        self.comm, self.shards, self.workers = comm, shards, list(workers)
        self.patience = (patience or Patience()).check()
        chains = [[k] for k in range(len(shards))] if chains is None else chains
        self.chains = [list(chain) for chain in chains]  # the first lives, as far as one knows
        if len(self.chains) != len(shards):
            raise ValueError(f"{len(shards)} shards need as many chains, got {chains}")
        self.clock = 0
        self.reads = []
        self.versions = [0] * len(shards)
        self.acknowledged = [0] * len(shards)
        self.unsure = [[] for _ in shards]  # pushes that the next answer will acknowledge
        self.here = [0] * len(shards)  # how many the head has, though they may die with it
        largest = max(map(shard_size, shards), default=0)
        self.mail = Mailbox(comm, 1 + len(self.workers) + largest, dtype)

    def pull(self, vector):
        """Overwrite `vector`, (d,), by the servers' weights, once they are fresh enough."""
        number, first = self.workers.index(self.comm.rank), 1 + len(self.workers)
        # An answer of before contained fewer of this worker's own gradients.
        answers = self._ask(PULL, REPLY, lambda reply: reply[1 + number] == self.clock)
        for k, reply in enumerate(answers):
            included = dict(zip(self.workers, map(int, reply[1:first]), strict=True))
            self.versions[k] = int(reply[0])
            self._acknowledge(k, self.clock)
            self.reads.append(Read(k, self.comm.rank, self.clock, included, self.versions[k]))
            spread_shard(reply[first:], self.shards[k], vector)

    def push(self, grads):
        """Send `grads`, (d,), to the servers, each its slices, and move the clock on by 1.

        It is safe when the next pull has returned, or `done`.
        """
        for k, shard in enumerate(self.shards):
            message = np.empty(HEADER + shard_size(shard), self.mail.inbox.dtype)
            message[:HEADER] = self.clock, self.versions[k]
            gather_shard(grads, shard, message[HEADER:])
            self.unsure[k].append(message)
            self.mail.send(message, self.chains[k][0], PUSH)
        self.clock += 1

    def done(self):
        """Leave, once all that was pushed is in the weights."""
        self._ask(DONE, BYE)
        for k in range(len(self.shards)):
            self._acknowledge(k, self.clock)

    def join(self):
        """Come to a training under way, or back to one, at the clock that the servers name."""
        self.clock = 0
        told = self._ask(JOIN, WELCOME, lambda welcome: welcome[0] == self.clock)
        foremost = max(int(welcome[1]) for welcome in told)
        if foremost > 0:  # a server that was asked earlier may be behind
            self.clock = foremost
            self._ask(JOIN, WELCOME, lambda welcome: welcome[0] == self.clock)

    def _acknowledge(self, k, clock):
        self.acknowledged[k] = clock
        self.unsure[k] = [message for message in self.unsure[k] if message[0] >= clock]

    def _ask(self, tag, answer, fits=lambda message: True):
        """Ask all servers; return their answers, for each the first with tag `answer` that fits."""
        answers = {}
        silent = [0] * len(self.shards)  # how often each was asked since it was last heard
        for k in range(len(self.shards)):
            self._send(k, tag)
        end = time_of(self.comm) + self.patience.seconds
        while len(answers) < len(self.shards):
            came = self.mail.receive(max(end - time_of(self.comm), 0))
            if came is None:
                end = time_of(self.comm) + self.patience.seconds
                for k in range(len(self.shards)):
                    if k not in answers:
                        silent[k] = self._ask_again(k, tag, silent[k] + 1)
                continue
            source, kind, message = came
            heads = [chain[0] for chain in self.chains]
            if source not in heads:
                continue  # from one that was taken for dead
            k = heads.index(source)
            silent[k] = 0
            if kind == HEARD:
                self.here[k] = max(self.here[k], int(message[0]))
            if kind == GONE and tag != JOIN and message[0] == self.clock:
                raise ConnectionError(
                    f"server {source} dropped worker {self.comm.rank}: it was silent for "
                    f"{self.patience.limit:g} s"
                )
            if kind == answer and k not in answers and fits(message):
                answers[k] = message.copy()
        return [answers[k] for k in range(len(self.shards))]

    def _ask_again(self, k, tag, silent):
        """Repeat what server k may not have got; return how often it was silent."""
        chain, tries = self.chains[k], self.patience.tries
        if silent >= tries_for(tries, chain):
            if len(chain) == 1:
                raise TimeoutError(
                    f"worker {self.comm.rank}: server {chain[0]} has not answered {silent} times"
                )
            del chain[0]
            silent = self.here[k] = 0
        for message in self.unsure[k]:
            if message[0] >= self.here[k]:
                self.mail.send(message, chain[0], PUSH)
        self._send(k, tag)
        return silent

    def _send(self, k, tag):
        self.mail.send([self.clock, self.acknowledged[k]], self.chains[k][0], tag)
