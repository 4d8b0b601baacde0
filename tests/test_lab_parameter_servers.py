"""The pars of lab 9 come from formulas; the package's own server, simulated, meets them exactly."""

import importlib.util
import math

import numpy as np
import pytest

from dlpar.labs.folders import lab_folder
from dlpar.parameter_server import Client, breaches, even_shards, serve, widest_gap
from dlpar.world import Network, clock, simulate, work

D = 3  # weights


def load_checks():
    spec = importlib.util.spec_from_file_location("lab_9", lab_folder(9) / "checks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


lab = load_checks()


def trained(staleness, ranks, seconds, linger, network):
    """Simulate the package's server and clients; return the Outcome and {(worker, clock): time}."""
    got = {}

    def program(comm):
        w = np.zeros(D)
        if comm.rank == 0:
            return serve(comm, w, ranks, staleness, lambda gradient: None)
        if comm.rank not in ranks:
            return []
        client, number = Client(comm, even_shards(D, 1), ranks, w.dtype), ranks.index(comm.rank)
        for c, took in enumerate(seconds[number]):
            client.pull(w)
            got[number, c] = clock(comm)
            work(comm, seconds=float(took))
            client.push(w)
        work(comm, seconds=linger[number])
        client.done()
        return client.reads

    return simulate(program, 1 + max(ranks), network=network, timeout=20), got


def outcome_of(plan):
    ranks = plan.ranks or tuple(range(1, 1 + len(plan.steps)))
    seconds = [1e-6 * np.array(row) for row in plan.micros]
    linger = 1e-6 * np.array(plan.linger or [0] * len(ranks))
    return trained(plan.staleness, ranks, seconds, linger, lab.NETWORK)


def plans(seed):
    drawn = [*lab.PUBLIC_PLANS, *lab.held_out_plans(np.random.default_rng(seed))]
    return [plan for plan in drawn if plan.steps and not plan.skipped]


@pytest.mark.parametrize("seed", range(5))
def test_the_packages_server_answers_each_pull_at_the_moment_that_the_lab_calls_par(seed):
    for plan in plans(seed):
        out, got = outcome_of(plan)
        par = lab.soonest(plan)
        assert set(got) == {(w, c) for w, row in enumerate(par) for c in range(len(row))}
        for (w, c), time in got.items():
            assert time == pytest.approx(par[w][c], rel=1e-9), (plan, w, c)
        reads = [read for of_one in out.results[1:] for read in of_one]
        assert breaches(reads, out.results[0], plan.staleness) == []


def test_the_public_schedules_reach_every_bound_that_they_set():
    widest = {}
    for plan in lab.PUBLIC_PLANS:
        if plan.skipped or (len(set(plan.steps)) != 1 and plan.staleness != math.inf):
            continue  # a finished worker holds nobody, so it is no gap
        out, _ = outcome_of(plan)
        gap = widest_gap([read for of_one in out.results[1:] for read in of_one])
        widest[plan.staleness] = max(gap, widest.get(plan.staleness, 0))
    assert {s: gap for s, gap in widest.items() if s != math.inf} == {0: 0, 1: 1, 2: 2}
    assert widest[math.inf] > 2


@pytest.mark.parametrize("law", lab.LAWS)
def test_the_pace_of_a_law_is_what_the_packages_server_takes(law):
    seconds = lab.LAWS[law](np.random.default_rng(9), 40, 4)
    paces = lab.paces(seconds, most=6)
    for staleness in (0, 1, 4, 6):
        free = Network(alpha=0, beta=0)
        out, _ = trained(staleness, (1, 2, 3, 4), seconds.T, [0.0] * 4, free)
        assert out.time == pytest.approx(40 * paces[staleness], rel=1e-9)
