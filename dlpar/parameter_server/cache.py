"""A worker's copy of the weights: good while the bound allows, its own updates included."""

import numpy as np


class Cache:
    """Weights that servers add updates to, read at clock c without a message if they are fresh.

    A copy that contains the others' updates of clocks up to c - staleness - 1 will do. The worker's
    own are added to it as they are sent, so it reads its writes. Use with servers whose `update` is
    an addition, such as `lambda u: weights.__iadd__(u)`.
    Source: Ho et al., NIPS 2013, section 3 (process cache; additive updates).
    """

    def __init__(self, client, copy, staleness):
        """Take a Client or ReliableClient, an array (d,) for the copy, and the servers' s."""
        self.client, self.copy, self.staleness = client, copy, staleness

    def read(self):
        """Return the copy, (d,), pulled anew if it has become too old. Do not change it."""
        client = self.client
        last = client.reads[-len(client.shards) :]
        others = [
            count
            for read in last
            for worker, count in read.included.items()
            if worker != client.comm.rank
        ]
        if not last or any(count < client.clock - self.staleness for count in others):
            client.pull(self.copy)
        return self.copy

    def add(self, update):
        """Send `update`, (d,), to the servers, and add it to the copy; the clock moves on by 1."""
        self.client.push(update)
        np.add(self.copy, update, out=self.copy)
