"""Mu Li's parameter server, as one experiment: how much delay should a cluster allow?

Source: Li et al., Scaling distributed machine learning with the parameter server, OSDI 2014,
sections 3.4 and 5.1: with no delay workers waited half of the time, with 16 tasks 1.7 %, and the
total was least at 8, since late gradients cost iterations.
"""

import math
from typing import NamedTuple

import numpy as np

from dlpar.optim import SGD
from dlpar.parameter_server import Client, even_shards, serve
from dlpar.world import simulate, work

SMOOTH = 5  # clocks over which the loss is averaged


class Delay(NamedTuple):
    """One allowed delay, and what it cost."""

    tau: float
    waiting: float  # share of the workers' time, 0 .. 1
    clocks: int  # until the loss was below the target; -1 if it never was
    seconds: float  # virtual, until then


def sweep(
    make_model,
    x,
    y,
    b,
    clocks,
    lr,
    target,
    taus,
    workers,
    pace,
    network,
    optimizer=SGD,
    seed=0,
):
    """Train once for each allowed delay in `taus`; return a `Delay` each.

    make_model : function () -> model.  target : a loss, met by the mean of five clocks' batches.
    pace : (workers, clocks) s that each gradient takes.  network : Network or Topology.
    optimizer : of the server.

    A task of time t may run when all tasks up to t - tau - 1 are done. In clocks this is the rule
    of SSP, so tau is the staleness. The delay is used: workers fetch weights only when tau asks
    for it, and meanwhile move their own copy. With math.inf they fetch once.
    """

    def program(comm, tau):
        model, everybody = make_model(), range(1, comm.size)
        if comm.rank == 0:
            rule = optimizer(model.params)
            return serve(comm, model.params, everybody, tau, lambda g: rule.step(g, lr))
        client = Client(comm, even_shards(model.params.size, 1), everybody, model.params.dtype)
        rng, losses, number = np.random.default_rng(seed), [], comm.rank - 1
        for clock in range(clocks):
            mine = np.array_split(rng.choice(len(x), b, replace=False), workers)[number]
            client.refresh(model.params, tau)
            losses.append(model.loss_and_grad(x[mine], y[mine], len(mine) / b))
            work(comm, seconds=pace[number, clock])
            client.push(model.grads)
            model.params -= lr * model.grads
        client.done()
        return losses

    return [_measured(simulate(program, 1 + workers, (tau,), network), tau, target) for tau in taus]


def _measured(out, tau, target):
    """Read off the losses when the target was met, off the spans how long nothing was done."""
    losses = np.mean(out.results[1:], axis=0)
    smooth = np.convolve(losses, np.ones(SMOOTH) / SMOOTH, "valid")  # one batch may be lucky
    below = np.flatnonzero(smooth < target)
    clocks = int(below[0]) + SMOOTH if below.size else -1
    worked, ends = np.zeros(len(out.results)), [[] for _ in out.results]
    for span in out.trace.spans:
        if span.what == "work":
            worked[span.rank] += span.end - span.start
            ends[span.rank].append(span.end)
    last = np.array([max(times, default=0.0) for times in ends])
    waiting = float(1 - (worked[1:] / last[1:]).mean())
    seconds = max(float(times[clocks - 1]) for times in ends[1:]) if below.size else math.inf
    return Delay(tau, waiting, clocks, seconds)
