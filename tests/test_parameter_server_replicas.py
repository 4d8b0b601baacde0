"""A server that is killed has a replica: it takes over, and nothing acknowledged is lost."""

import math
from collections import Counter
from itertools import count

import numpy as np
import pytest

from dlpar import simulate
from dlpar.parameter_server import (
    Patience,
    ReliableClient,
    ReliableShard,
    breaches,
    even_shards,
    reliable,
    serve_reliably,
)
from dlpar.parameter_server.reliable import DEPOSED, ENTRY, TAKEN
from dlpar.parameter_server.reliable_shard import APPLY
from dlpar.parameter_server.server import PUSH
from dlpar.world import Drop, Duplicate, Faults, Kill, Network, Reorder, clock, work

N, CLOCKS, WORKERS = 12, 3, 2
NET = Network(alpha=1e-5, beta=1e-9, eager_limit=math.inf)
PATIENCE = Patience(seconds=0.02, tries=5, limit=2)
TARGETS = np.random.default_rng(5).normal(size=(9, N))


class Learnt:
    """What a worker brings home, and what it knew when."""

    def __init__(self, client):
        self.reads, self.client, self.times = client.reads, client, []


def train(comm, replicas, staleness, clocks=CLOCKS, patience=PATIENCE):
    """Descend to the workers' targets; ranks 0 .. replicas are the chain, the others workers."""
    chain, workers = range(replicas + 1), range(replicas + 1, comm.size)
    if comm.rank in chain:
        weights = np.zeros(N)

        def update(gradient):
            weights[:] -= 0.1 * gradient

        shard = ReliableShard(weights, workers, staleness, update)
        history = serve_reliably(comm, shard, patience, chain)
        return weights, history
    client = ReliableClient(comm, even_shards(N, 1), workers, float, patience, [chain])
    learnt, w = Learnt(client), np.empty(N)
    for _ in range(clocks):
        client.pull(w)
        learnt.times.append(clock(comm))
        work(comm, seconds=0.01 * comm.rank)
        client.push(w - TARGETS[comm.rank])
    client.done()
    learnt.times.append(clock(comm))
    return learnt


def go(replicas, staleness, *faults, rng=None, workers=WORKERS, **more):
    args = (replicas, staleness, *more.values())
    faults = Faults(faults, rng=rng)
    return simulate(train, replicas + 1 + workers, args, NET, 20, faults=faults)


def judge(out, server, replicas, staleness, clocks=CLOCKS, workers=WORKERS):
    """All that the workers pushed is there, once each and in order, and every read was right."""
    history = out.results[server][1]
    learnt = out.results[replicas + 1 :]
    assert breaches([r for one in learnt for r in one.reads], history, staleness) == []
    assert Counter(one.worker for one in history) == {
        replicas + 1 + k: clocks for k in range(workers)
    }
    assert all(one.client.acknowledged == [clocks] for one in learnt)


def longest_wait(out, replicas):
    return max(np.diff(one.times).max() for one in out.results[replicas + 1 :])


def killed_at_each_message(*args, calls=("Isend", "Irecv")):
    """Yield what happens if the head dies before, during and after each message that it handles.

    An Outcome each, or the ValueError of a rank that noticed a loss.
    """
    for on in calls:
        for nth in count(1):
            try:
                for when in ("before", "during", "after"):
                    try:
                        yield go(*args, Kill(0, on=on, nth=nth, when=when))
                    except ValueError as error:
                        yield error
            except RuntimeError as error:
                if f"never struck: {nth - 1} such calls" not in str(error):
                    raise
                break


@pytest.mark.parametrize("staleness", [0, 1])
def test_whenever_the_head_is_killed_its_replica_has_all_that_was_acknowledged(staleness):
    calm = go(1, staleness)
    judge(calm, 0, 1, staleness)
    messages = sum(0 in (m.source, m.dest) for m in calm.trace.messages)
    moments = 0
    for out in killed_at_each_message(1, staleness):
        assert out.results[0] is None
        judge(out, 1, 1, staleness)
        if staleness == 0:
            np.testing.assert_array_equal(out.results[1][0], calm.results[0][0])
        assert longest_wait(out, 1) < 1  # s, with the slowest worker's work
        moments += 1
    assert moments == 3 * messages


def test_killed_at_any_time_too():
    calm = go(1, 0)
    end = max(one.times[-1] for one in calm.results[2:])
    for at in np.linspace(0, end, 40):
        out = go(1, 0, Kill(0, at=at))
        judge(out, 1, 1, 0)
        np.testing.assert_array_equal(out.results[1][0], calm.results[0][0])


@pytest.mark.parametrize("staleness", [0, 1])
def test_a_head_that_acknowledges_before_it_replicates_is_caught(staleness, monkeypatch):
    replicate, take = reliable._Server.replicate, reliable._Server.take

    def later(self, entry):
        self.late = [*getattr(self, "late", []), entry]
        if entry[1] != APPLY:
            catch_up(self)

    def catch_up(self):
        late, self.late = getattr(self, "late", []), []
        for entry in late:
            replicate(self, entry)

    def take_and_catch_up(self, source, tag, message):
        message = message.copy()
        if tag == PUSH:
            catch_up(self)
        take(self, source, tag, message)

    monkeypatch.setattr(reliable._Server, "replicate", later)
    monkeypatch.setattr(reliable._Server, "take", take_and_catch_up)
    ends = killed_at_each_message(1, staleness, calls=["Isend"])
    lost = [str(end) for end in ends if isinstance(end, ValueError)]
    assert all("an acknowledged gradient was lost" in said for said in lost)
    assert len(lost) > 10


@pytest.mark.parametrize("rank", [1, 2])
def test_a_replica_that_dies_holds_nobody_up_for_long(rank):
    calm = go(2, 0)
    for at in (0.0, 0.05, 0.1):
        out = go(2, 0, Kill(rank, at=at))
        judge(out, 0, 2, 0)
        np.testing.assert_array_equal(out.results[0][0], calm.results[0][0])
        assert longest_wait(out, 2) < 1


def test_of_three_two_may_die_one_after_the_other():
    calm = go(2, 0)
    for kills in ((0, 1), (1, 0), (0, 2), (2, 0), (1, 2)):
        first, second = kills
        out = go(2, 0, Kill(first, at=0.03), Kill(second, at=0.08))
        (left,) = {0, 1, 2} - set(kills)
        judge(out, left, 2, 0)
        np.testing.assert_array_equal(out.results[left][0], calm.results[0][0])


def test_replication_after_aggregation_costs_one_worker_s_pushes():
    for workers in (2, 4, 6):
        out = go(1, 0, workers=workers)
        sent = Counter()
        for m in out.trace.messages:
            sent[m.tag] += m.nbytes > 8 * N
        assert sent[PUSH] == workers * CLOCKS
        assert sent[ENTRY] == CLOCKS


@pytest.mark.parametrize("seed", range(4))
def test_the_head_may_die_in_a_storm(seed):
    calm = go(1, 0)
    storm = [kind(probability=0.2) for kind in (Drop, Duplicate, Reorder)]
    patience = Patience(seconds=0.002, tries=40)
    kill = Kill(0, on="Isend", nth=3 + 4 * seed)
    rng = np.random.default_rng(seed)
    out = go(1, 0, kill, *storm, rng=rng, clocks=CLOCKS, patience=patience)
    judge(out, 1, 1, 0)
    np.testing.assert_array_equal(out.results[1][0], calm.results[0][0])


def test_a_head_that_only_seemed_dead_acknowledges_nothing_more():
    # All that the first worker sends to the head is lost: it takes the replica for its server.
    cut = [Drop(source=2, dest=0)]
    out = go(1, 0, *cut)
    judge(out, 1, 1, 0)
    np.testing.assert_array_equal(out.results[1][0], go(1, 0).results[0][0])


def test_a_replica_that_serves_takes_no_more_of_the_old_head_s_changes():
    def program(comm):
        if comm.rank == 0:
            work(comm, seconds=0.05)
            comm.Send(np.array([0, APPLY, 1, 2, 0, 0, *np.ones(N)]), dest=1, tag=ENTRY)
            answers = np.zeros(2)
            for k in range(2):  # to all before it when it took over, and to the change
                comm.Recv(answers[k:], source=1, tag=TAKEN)
            return answers.tolist()
        if comm.rank == 1:
            weights = np.zeros(N)
            shard = ReliableShard(weights, [2], 0, weights.__iadd__)
            serve_reliably(comm, shard, PATIENCE, chain=[0, 1])
            return weights
        client = ReliableClient(comm, even_shards(N, 1), [2], float, PATIENCE, [[1]])
        client.pull(np.empty(N))
        work(comm, seconds=0.1)
        client.done()
        return None

    answers, weights, _ = simulate(program, 3, (), NET, 20).results
    assert answers == [DEPOSED, DEPOSED]
    np.testing.assert_array_equal(weights, 0)
