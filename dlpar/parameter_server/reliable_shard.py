"""A shard whose every change is an entry of a log: whoever has the log has the shard."""

import math

import numpy as np

from dlpar.parameter_server.server import Shard

APPLY, LEAVE, JOIN = range(3)  # kinds of entries
ENTRY_HEAD = 2  # an entry is its number, its kind, and what the kind needs


class ReliableShard(Shard):
    """A `Shard` for a network that loses, and for workers that die, leave and join.

    `absent` are those of `workers` that are not there yet: nobody waits for them.
    `replicate(entry)` is called with every change, before the change is made.
    """

    def __init__(self, weights, workers, staleness, update, absent=()):
        """Take what `serve` takes."""
        if not staleness >= 0:
            raise ValueError(f"staleness must be at least 0, got {staleness!r}")
        super().__init__(weights, workers, staleness, update)
        self.pulls = {}  # worker -> clock of its pull that waits
        self.dropped = {}  # worker -> its clock, where it was given up
        self.joined = {}  # worker -> its clock at first
        self.entries = 0
        self.replicate = None
        for worker in absent:
            del self.at_work[worker]

    # ------------------------------------------------- what changes the shard

    def apply(self, gradient, parts):
        """Update the weights by a gradient that is the sum of `parts`: (worker, clock, version)."""
        self._log(APPLY, len(parts), *np.ravel(parts), body=gradient)
        super().apply(gradient, parts)

    def leave(self, worker, dropped=False):
        """Wait for this worker no more: it is done, or `dropped` as nothing is heard of it."""
        self._log(LEAVE, worker, dropped)
        self.pulls.pop(worker, None)
        if dropped:
            self.dropped[worker] = self.pushed[worker]
        super().leave(worker)

    def join(self, worker, clock):
        """Have `worker` among those at work, from `clock` on or the clock of the foremost."""
        if worker not in self.at_work:
            clock = max([clock, *(self.pushed[other] for other in self.at_work)])
        if worker in self.at_work and clock <= self.pushed[worker]:
            return
        self._log(JOIN, worker, clock)
        self.at_work[worker] = None
        self.joined[worker] = self.pushed[worker] = self.included[worker] = clock
        self.dropped.pop(worker, None)
        self.close_all()

    def _log(self, kind, *numbers, body=()):
        if self.replicate is not None:
            self.replicate(np.concatenate([[self.entries, kind, *numbers], body]))
        self.entries += 1

    def replay(self, entry):
        """Make the change that an `entry` of another's log tells of, unless it was made before."""
        number, kind = map(int, entry[:ENTRY_HEAD])
        rest = entry[ENTRY_HEAD:]
        if number < self.entries:
            return
        if number > self.entries:
            raise ValueError(f"entry {number} came where {self.entries} was due: one was lost")
        if kind == APPLY:
            end = 1 + 3 * int(rest[0])
            parts = [tuple(map(int, rest[i : i + 3])) for i in range(1, end, 3)]
            for worker, clock, _ in parts:
                self.pushed[worker] = clock + 1
            self.apply(rest[end:].copy(), parts)
        elif kind == LEAVE:
            self.leave(int(rest[0]), bool(rest[1]))
        else:
            self.join(*map(int, rest))

    # ---------------------------------------------------------- what is asked

    def push(self, worker, clock, based_on, gradient):
        """Take a gradient in if it is this worker's next; one that came too early comes again."""
        if clock == self.pushed[worker]:
            super().push(worker, clock, based_on, gradient)

    def pull(self, worker, clock):
        """Note that `worker` asks at `clock`."""
        if clock >= self.included[worker]:  # else an old one: it had its answer, and went on
            self.pulls[worker] = clock

    def check(self, worker, acknowledged):
        """Raise ValueError unless the gradients are here of which `worker` was told that they are.

        An answer tells it, and is not given before those after this rank have them too.
        """
        if self.included[worker] < acknowledged:
            raise ValueError(
                f"worker {worker} was told that {acknowledged} of its gradients are safe, "
                f"{self.included[worker]} are here: an acknowledged gradient was lost"
            )

    def due(self):
        """Take the workers whose pulls may be answered from those that wait, and return them."""
        oldest = min((self.included[worker] for worker in self.at_work), default=math.inf)
        ready = [
            worker
            for worker, clock in self.pulls.items()
            if clock - oldest <= self.staleness and self.included[worker] == clock
        ]
        for worker in ready:
            del self.pulls[worker]
        return ready
