"""Platoon (for Theano): a controller on one host, workers, and a rule for the shared parameters.

Source: Platoon's param_sync rules; EASGD, Zhang, Choromanska & LeCun, NIPS 2015.
"""

from dlpar.data_parallel import elastic_worker, hold_centre
from dlpar.optim import Momentum


def platoon(model, local, steps, tau, lr, comm, rng, beta=0.9, mu=0.0):
    """Train with rank 0 as the controller that holds the centre and the others as workers.

    model : equal on all ranks; rank 0's ends as the centre, which is the model to use.
    local : function (rng) -> (x, y), a mini-batch of this worker's data.  steps : of each worker.
    tau : steps between two visits to the centre.  lr : learning rate.
    beta : 0 .. 1, how far the centre follows all workers together: alpha = beta / workers.
    mu : above 0 the workers' own steps have Nesterov momentum: EAMSGD.

    Returns on rank 0 how many visits there were.
    """
    if comm.size < 2:
        raise ValueError("platoon needs a controller and at least one worker, so 2 ranks")
    alpha = beta / (comm.size - 1)
    if comm.rank == 0:
        return hold_centre(model.params, comm, alpha)
    rule = Momentum(model.params, mu, nesterov=mu > 0)

    def step(_, t):
        model.loss_and_grad(*local(rng))
        rule.step(model.grads, lr)

    elastic_worker(model.params, step, steps, tau, comm)
    return None
