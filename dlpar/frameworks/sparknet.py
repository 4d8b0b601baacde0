"""SparkNet: average the models every tau steps, because exchanging takes long.

Source: Moritz, Nishihara, Stoica & Jordan, SparkNet, ICLR 2016, sections 2.1 and 3.
"""

from dlpar.data_parallel import local_steps, train_in_rounds
from dlpar.optim import SGD


def sparknet(model, x, y, b, tau, rounds, lr, comm, rng):
    """Train in `rounds` of `tau` local steps on this rank's x, y; return the mean model, (d,).

    model : equal on all ranks, changed in place.  x, y : this rank's examples.  b : batch of a
    local step.  lr : learning rate.  rng : this rank's own Generator.
    """
    local = local_steps(model, SGD(model.params), x, y, b, tau, lr, rng)

    def counted_once(params, k):
        local(params, k)
        return 1

    return train_in_rounds(model.params, counted_once, rounds, comm)


# The paper's three times to one accuracy. C: s a step on one machine; S: s an exchange;
# N_a: steps that one machine needs; M_a: rounds that the averaged ones need.


def serial_seconds(steps, step_seconds):
    """Return N_a * C: one machine."""
    return steps * step_seconds


def naive_seconds(steps, step_seconds, exchange_seconds, workers):
    """Return N_a * (C / K + S): each step split over K workers, and exchanged."""
    return steps * (step_seconds / workers + exchange_seconds)


def sparknet_seconds(rounds, tau, step_seconds, exchange_seconds):
    """Return M_a * (tau * C + S): rounds of tau whole steps, and an exchange each."""
    return rounds * (tau * step_seconds + exchange_seconds)


def crossover_exchange(steps, rounds, tau, step_seconds, workers):
    """Return the S, in s, at which rounds of tau steps become faster than splitting each step.

    N_a (C/K + S) = M_a (tau C + S). Below it splitting wins, above it rounds do. Raises ValueError
    if there are no fewer rounds than steps: then S decides nothing.
    """
    if not rounds < steps:
        raise ValueError(f"{rounds} rounds exchange no less often than {steps} steps")
    return step_seconds * (rounds * tau - steps / workers) / (steps - rounds)
