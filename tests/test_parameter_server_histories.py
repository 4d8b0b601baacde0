"""A thousand random histories of a parameter server, judged by what the weights themselves say.

Each worker's gradient has a coordinate of its own in which it is 1, so that every read shows which
gradients it contains. The other coordinates are a quadratic's, whose bits depend on the order.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from dlpar import simulate
from dlpar.parameter_server import Client, breaches, even_shards, serve, widest_gap
from dlpar.parameter_server import server as server_room
from dlpar.parameter_server.server import PUSH
from dlpar.world import Duplicate, Faults, Network, Slow, work

NET = Network(alpha=1e-6, beta=0.0, eager_limit=math.inf)
REAL = 3  # coordinates of the quadratic, before the workers' own
TARGETS = np.random.default_rng(8).normal(size=(17, REAL))
LR = 0.1
HISTORIES = 1000


class Case(NamedTuple):
    """What one history is to be."""

    workers: int
    servers: int
    staleness: int
    clocks: list[int]  # that each worker does before it leaves
    seconds: np.ndarray  # (workers, clocks) of each gradient
    straggler: bool  # worker 0 has not pushed anything when all others have run into the bound
    cached: bool  # workers use what they read before for as long as the bound allows
    faults: list[Any]

    @property
    def size(self):
        return self.servers + self.workers


def draw(seed):
    rng = np.random.default_rng(seed)
    workers, staleness = int(rng.integers(2, 17)), int(rng.integers(5))
    servers = int(rng.integers(1, 3))
    most = staleness + 1 + int(rng.integers(1, 3))
    straggler = bool(rng.integers(2))
    clocks = [most] * workers if straggler else rng.integers(1, most + 1, workers).tolist()
    seconds = rng.exponential(1.0, (workers, most)) ** rng.choice([0.0, 1.0, 2.0])
    if straggler:
        seconds[0, 0] = 1e6
    pick = int(rng.integers(workers))
    faults = [
        [],
        [Slow(servers + pick, on="Send", nth=int(rng.integers(1, 3)), seconds=5.0)],
        [Slow(servers + pick, on="work", factor=20.0)],
        [Duplicate(tag=PUSH, probability=0.3)],
        [Duplicate(source=servers + pick, tag=PUSH), Slow(int(rng.integers(servers)), seconds=2.0)],
    ][int(rng.integers(5))]
    cached = bool(rng.integers(2))
    return Case(workers, servers, staleness, clocks, seconds, straggler, cached, faults)


def gradient(vector, worker, clock, out):
    """Of a quadratic around the worker's own target; -1 / LR where the worker signs."""
    out[:REAL] = (1 + clock / 7) * (vector[:REAL] - TARGETS[worker])
    out[REAL:] = 0
    out[REAL + worker] = -1 / LR


def program(comm, case, staleness):
    d = REAL + case.workers
    shards, ranks = even_shards(d, case.servers), range(case.servers, comm.size)
    if comm.rank < case.servers:
        (mine,) = shards[comm.rank]
        weights = np.zeros(mine.stop - mine.start)

        def update(g):
            weights.__isub__(LR * g)

        return weights, serve(comm, weights, ranks, staleness, update)
    client, worker = Client(comm, shards, ranks, float), comm.rank - case.servers
    vector, grads, seen = np.zeros(d), np.empty(d), []
    for clock in range(case.clocks[worker]):
        pulled = client.refresh(vector, staleness) if case.cached else client.pull(vector) is None
        seen.append((pulled, vector[REAL:].round().astype(int)))
        gradient(vector, worker, clock, grads)
        work(comm, seconds=case.seconds[worker, clock])
        client.push(grads)
        vector -= LR * grads
    client.done()
    return client.reads, seen


def history(case, staleness=None):
    """Run `case`, with its own staleness or that of a server that gets it wrong."""
    faults = Faults(case.faults, np.random.default_rng(0))
    bound = case.staleness if staleness is None else staleness
    return simulate(program, case.size, (case, bound), NET, faults=faults).results


def judge(case, results):
    """Return what is wrong with a history, as sentences."""
    served, worked = results[: case.servers], results[case.servers :]
    wrong, shards = [], even_shards(REAL + case.workers, case.servers)
    for k, (_, applied) in enumerate(served):
        reads = [read for reads, _ in worked for read in reads if read.server == k]
        wrong += breaches(reads, applied, case.staleness)
        if len(applied) != sum(case.clocks):
            wrong.append(f"{len(applied)} gradients applied, {sum(case.clocks)} pushed")
        if case.straggler and widest_gap(reads) != case.staleness:
            wrong.append(f"the widest gap was {widest_gap(reads)}")
        for reads, seen in worked:
            pulls = [counts for pulled, counts in seen if pulled]
            for read, counts in zip([r for r in reads if r.server == k], pulls, strict=True):
                signs = range(max(shards[k][0].start - REAL, 0), max(shards[k][0].stop - REAL, 0))
                if any(read.included[case.servers + i] != counts[i] for i in signs):
                    wrong.append("the weights are not those that the reply told of")
    for worker, (_, seen) in enumerate(worked):
        for clock, (_, counts) in enumerate(seen):
            due = np.minimum(clock - case.staleness, case.clocks)
            if counts[worker] != clock or (counts < due).any():
                wrong.append(f"worker {worker} used {counts} at clock {clock}")
    whole = np.concatenate([weights for weights, _ in served])
    if whole[REAL:].round().tolist() != case.clocks:
        wrong.append("the weights have lost or doubled a gradient")
    if case.staleness == 0 and not np.array_equal(whole, in_step(case)):
        wrong.append("staleness 0 is not bulk synchronous to the bit")
    return wrong


def in_step(case):
    """Return what one machine computes that takes all workers' gradients of a clock, in order."""
    vector, grads = np.zeros(REAL + case.workers), np.empty(REAL + case.workers)
    for clock in range(max(case.clocks)):
        total = np.zeros_like(vector)
        for worker in range(case.workers):
            if clock < case.clocks[worker]:
                gradient(vector, worker, clock, grads)
                total += grads
        vector -= LR * total
    return vector


def test_a_thousand_histories_keep_the_bound_reach_it_and_lose_nothing():
    reached, struck = set(), 0
    for seed in range(HISTORIES):
        case = draw(seed)
        assert judge(case, history(case)) == [], f"seed {seed}: {case}"
        struck += bool(case.faults)
        if case.straggler:
            reached.add((case.staleness, case.workers))
    assert {s for s, _ in reached} == set(range(5))
    assert {workers for _, workers in reached} == set(range(2, 17))
    assert struck > HISTORIES / 2


# Servers that get it wrong. Each must be seen in some of the first histories.


def caught(words, staleness=lambda case: case.staleness, cases=40):
    """Tell in how many of the first histories the judge says `words`."""
    said = 0
    for seed in range(cases):
        case = draw(seed)
        said += any(words in sentence for sentence in judge(case, history(case, staleness(case))))
    return said


def test_a_server_that_waits_for_one_clock_too_few_is_caught():
    assert caught("were due", lambda case: case.staleness + 1) > 5


def test_a_server_that_forgets_to_block_is_caught():
    assert caught("were due", lambda case: math.inf) > 10


def test_a_server_that_waits_for_one_clock_too_many_is_caught():
    """It breaks no bound; only that the bound is reached tells."""
    assert caught("widest gap", lambda case: max(case.staleness - 1, 0)) > 10


def test_a_server_that_applies_a_resent_gradient_again_is_caught(monkeypatch):
    honest = server_room.Shard.push

    def forgetful(self, worker, clock, based_on, gradient):
        self.pushed[worker] = clock
        honest(self, worker, clock, based_on, gradient)

    monkeypatch.setattr(server_room.Shard, "push", forgetful)
    assert caught("lost or doubled") > 5


def test_a_server_that_adds_up_in_the_order_of_arrival_is_caught(monkeypatch):
    def hasty(self, worker, clock, based_on, gradient):
        if clock == self.pushed[worker]:
            self.pushed[worker] += 1
            self.apply(gradient, [(worker, clock, based_on)])

    monkeypatch.setattr(server_room.Shard, "push", hasty)
    assert caught("not bulk synchronous") > 3


def test_a_server_that_answers_with_old_weights_is_caught(monkeypatch):
    honest = server_room.Shard.reply

    def stale(self):
        message = honest(self)
        if not hasattr(self, "first"):
            self.first = self.weights.copy()
        message[-self.weights.size :] = self.first
        return message

    monkeypatch.setattr(server_room.Shard, "reply", stale)
    assert caught("not those that the reply told of") > 10


def test_a_worker_that_keeps_what_it_read_for_one_clock_too_long_is_caught(monkeypatch):
    honest = Client.refresh
    monkeypatch.setattr(Client, "refresh", lambda self, v, s: honest(self, v, s + 1))
    assert caught("used") > 10
