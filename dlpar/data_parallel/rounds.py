"""Rounds instead of steps: everybody learns alone for a while, then the models are averaged.

One function is local SGD, SparkNet, FedAvg, BMUF, SlowMo and DiLoCo: they differ in what a worker
does in its round, in how the workers count, and in whether the averaged model has momentum.
"""

import numpy as np

from dlpar.collectives import ring_allreduce
from dlpar.optim import batches


def train_in_rounds(
    params, local, rounds, comm, momentum=0.0, lr=1.0, nesterov=False, exchange=ring_allreduce
):
    """Let all ranks learn alone and average, `rounds` times; return the global model, (d,).

    Parameters
    ----------
    params : (d,) float array, equal on all ranks: the model of round 0, and this rank's workplace.
        Changed in place; holds the global model at the end.
    local : function (params, round) that moves `params` by a few steps of its own, and returns
        this rank's weight in the mean: its examples, 1, or 0 for a rank that sits out.
    momentum : eta, of the global model.  lr : zeta, its learning rate.
    nesterov : whether a round starts where the momentum alone would take the model.
    exchange : exchanger that sums.

    With G = (weighted mean of the ranks' params) - w, a round does u <- eta u + zeta G, and then
    w <- w + u, or with `nesterov` w <- w + zeta G + eta u.

    SparkNet: eta = 0, zeta = 1, weights 1.  FedAvg: the same, weighted by examples, with ranks that
    sit out.  BMUF: eta = 1 - 1/p, zeta = 1.  SlowMo: eta = beta, zeta = alpha.  DiLoCo: Adam in
    the round, nesterov, eta = 0.9, zeta = 0.7.

    Raises ValueError, on all ranks, if every weight of a round is 0, or any is negative.
    Cost: one exchange of d + 1 elements a round.
    Source: Chen & Huo, ICASSP 2016 (BMUF); Moritz et al., ICLR 2016 (SparkNet); McMahan et al.,
    AISTATS 2017 (FedAvg); Wang et al., ICLR 2020 (SlowMo); Douillard et al., arXiv:2311.08105.
    """
    w, u = params.copy(), np.zeros_like(params)
    brought = np.empty(params.size + 1, params.dtype)
    for k in range(rounds):
        weight = float(local(params, k))
        brought[:-1] = weight * (params - w)
        brought[-1] = weight if weight >= 0 else np.nan
        total = exchange(brought, comm)
        if not total[-1] > 0:
            raise ValueError(f"round {k}: weights must be at least 0 and not all 0; here {weight}")
        step = lr * (total[:-1] / total[-1])
        u = momentum * u + step
        w += step + momentum * u if nesterov else u
        params[:] = w
    return params


def local_steps(model, optimizer, x, y, b, steps, lr, rng):
    """Return a `local` of `train_in_rounds`: `steps` mini-batches of the rank's own x, y.

    model : whose params are the workplace.  optimizer : made for them; its memory stays over the
    rounds.  x, y : this rank's examples.  b : batch, 1 .. len(x).  lr : learning rate.
    rng : this rank's own Generator.  The weight is `len(x)`.
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps!r}")

    def epochs():
        while True:
            yield from batches(len(x), b, rng)

    drawn = epochs()

    def local(params, _):
        if params is not model.params:
            raise ValueError("local_steps moves model.params: give these to train_in_rounds")
        for _ in range(steps):
            some = next(drawn)
            model.loss_and_grad(x[some], y[some])
            optimizer.step(model.grads, lr)
        return len(x)

    return local


def conservative_steps(model, x, y, b, steps, lr, gamma, rng):
    """Return a `local` of `train_in_rounds` that is EMSO's: several steps on one batch, held back.

    A round draws one batch I of `b` of this rank's examples and walks down
    phi_I(w) + gamma/2 |w - w_round|**2 by `steps` gradient steps of size `lr`, where w_round is the
    global model at the round's start. One step is plain mini-batch SGD, whatever gamma is.

    gamma : at least 0; what one batch says is trusted as far as 1 / gamma.  The weight is b.
    Source: Li, Zhang, Chen & Smola, KDD 2014, section 3 (EMSO-GD).
    """
    if steps < 1 or not gamma >= 0:
        raise ValueError(f"steps must be at least 1 and gamma 0, got {steps!r} and {gamma!r}")

    def local(params, _):
        anchor = params.copy()
        some = rng.choice(len(x), b, replace=False)
        for _ in range(steps):
            model.loss_and_grad(x[some], y[some])
            params -= lr * (model.grads + gamma * (params - anchor))
        return b

    return local
