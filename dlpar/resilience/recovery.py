"""Training that goes on without its dead: revoke, shrink, agree, roll back, go on.

Every worker keeps snapshots of its own in memory. Data parallelism makes that cheap: all replicas
are equal, so any one survivor has everything. The order of the examples depends on the seed and the
step alone, so whoever goes back to step t sees the batches of t, t + 1, ... again.
Source: Bland et al., Post-failure recovery of MPI communication capability, IJHPCA 2013 (ULFM).
"""

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from dlpar.collectives import ring_allreduce
from dlpar.optim import SGD
from dlpar.resilience.checkpoint import pack_state, unpack_state
from dlpar.world import UNDEFINED, MPIError, work

DIED = ("MPI_ERR_PROC_FAILED", "MPI_ERR_PROC_FAILED_PENDING", "MPI_ERR_REVOKED")


OVER, CONTENT = 0b01, 0b11  # a worker has made all updates; a spare has nothing against it


class Regroup(NamedTuple):
    """A team that starts, or goes on after a death or with more members."""

    step: int  # from which it goes on
    members: tuple[int, ...]  # ranks of the first communicator, in the team's order
    redone: int  # steps that the members before it had made beyond `step`: the lost work


class Survived(NamedTuple):
    """What a rank brings home from `descend_through_failures`."""

    losses: dict[int, float]  # by step: this rank's part of the batch's loss
    regroups: list[Regroup]  # of those that this rank has seen: the first is the start


def batch_of(m, b, seed, step):
    """Return the indices of batch `step`, (b,): a function of the seed and the step alone.

    An epoch is a permutation of m examples of its own, without the remainder of m / b.
    """
    epoch, place = divmod(step, m // b)
    order = np.random.default_rng([seed, epoch]).permutation(m)
    return order[place * b : (place + 1) * b]


def descend_through_failures(
    model,
    x,
    y,
    b,
    updates,
    lr,
    comm,
    seed,
    workers=None,
    every=10,
    exchange=ring_allreduce,
    optimizer=None,
    seconds=None,
):
    """Train every worker's replica of `model` synchronously, through the deaths of ranks.

    Parameters
    ----------
    model : this rank's replica, equal on all ranks. On those that end as workers it is trained.
    x, y : (m, ...) all examples and targets, on every rank.
    b : examples of the whole batch, 1 .. m; each worker takes its share.
    updates : how many.  lr : learning rate, or a schedule.
    comm : communicator of a world with `ulfm=True`.
    seed : int, of the order of the examples.
    workers : how many ranks work, the lowest that live; the others are hot spares, which wait and
        take the places of the dead. An int; a function of the step, asked where a snapshot is
        taken, for a team that grows and shrinks; None for all. Fewer if fewer are alive.
    every : steps from one snapshot to the next.
    exchange : exchanger: function (grads, comm) -> the sum of all members' grads, (d,).
    optimizer : made for `model.params`; plain SGD if None.
    seconds : function of (member, step) -> s that a gradient takes in simulation, or None for
        6 operations a parameter and example.

    Returns
    -------
    Survived. The parameters are, bit for bit, those of a training without a death by the last
    team's number of workers from the state at the last regroup's step.

    Raises
    ------
    ValueError before any message; RuntimeError if no worker is left, only spares; and MPIErrors
    that are not about deaths.

    Cost: without a death a snapshot (a copy of the state) every `every` steps and two agreements;
    a death costs one shrink, a few small messages, and at most every steps that are made again, or
    2 every - 1 where it strikes while the others take a snapshot.
    """
    if not 1 <= b <= len(x) or len(x) != len(y):
        raise ValueError(f"b must lie in 1 .. {len(x)} examples (and targets), got {b!r}")
    if every < 1:
        raise ValueError(f"every must be at least 1, got {every!r}")
    wanted = workers if callable(workers) else lambda step: workers or comm.size
    if wanted(0) < 1:
        raise ValueError(f"workers must be at least 1, got {wanted(0)!r}")
    optimizer = SGD(model.params) if optimizer is None else optimizer
    me = _Member(model, optimizer, comm.rank, every)
    while True:
        plan = me.plan(comm, wanted)
        if agreed(comm, plan is not None):
            says = CONTENT  # a spare, which waits here
            if plan.team is not None:
                step = partial(
                    share_step, model, x, y, b, lr, plan.team, seed, exchange, optimizer, seconds
                )
                says = int(me.work(plan, updates, lambda t, c=comm: min(wanted(t), c.size), step))
            me.works = plan.team is not None
            if agreed(comm, says) == OVER:
                return Survived(me.losses, me.regroups)
        comm = comm.Shrink()


def share_step(model, x, y, b, lr, comm, seed, exchange, optimizer, seconds, t):
    """Make update `t` of a synchronous training; return this rank's part of the batch's loss."""
    mine = np.array_split(batch_of(len(x), b, seed, t), comm.size)[comm.rank]
    loss = 0.0
    if len(mine):
        loss = model.loss_and_grad(x[mine], y[mine], len(mine) / b)
    else:
        model.grads[:] = 0
    if seconds is None:
        work(comm, flops=6 * len(mine) * model.params.size)
    else:
        work(comm, seconds=seconds(comm.rank, t))
    optimizer.step(exchange(model.grads, comm), lr(t) if callable(lr) else lr)
    return loss


def is_death(error):
    """Tell whether an exception says that a rank died: ULFM's classes of MPIError."""
    return getattr(error, "error_class", None) in DIED


def agreed(comm, flag):
    """Return the bitwise and of `flag` over all ranks of `comm` that live: the same on all."""
    while True:
        comm.Ack_failed()
        try:
            return comm.Agree(int(flag))
        except MPIError as error:  # one died meanwhile: all hear of it, and ask again
            if not is_death(error):
                raise


class _Plan(NamedTuple):
    team: Any  # communicator of those that work; None on a spare
    start: Regroup
    giver: int | None  # member that sends the state to new ones; None if there are none


class _Member:
    """What a rank knows of the training, as a worker or as a spare."""

    def __init__(self, model, optimizer, number, every):
        self.model, self.optimizer, self.every = model, optimizer, every
        self.number = number  # in the first communicator
        self.t = 0  # updates made
        self.losses = {}
        self.snapshots = {0: pack_state(model.params, optimizer)}  # the last two, by step
        self.works = True  # its snapshots count
        self.regroups = []

    def plan(self, comm, wanted):
        """Choose members and step, the same on all ranks, and make their communicator.

        Returns None if a rank died meanwhile. A plan holds only when all have agreed that they have
        it: who lacks the communicator could not revoke it, and others would wait there for ever.
        """
        told = np.empty((comm.size, 4), np.int64)
        try:
            last = max(self.snapshots, default=0)
            comm.Allgather(np.array([self.number, self.works, last, self.t]), told)
            worked = told[:, 1] == 1
            if not worked.any():
                raise RuntimeError(f"rank {self.number}: only spares are left, none has the state")
            t = int(told[worked, 2].min())
            first = np.argsort(~worked, kind="stable")  # those that worked, then spares
            chosen = np.sort(first[: min(wanted(t), comm.size)])
            team = comm.Split(0 if comm.rank in chosen else UNDEFINED, comm.rank)
        except MPIError as error:
            if not is_death(error):
                raise
            comm.Revoke()
            return None
        old = worked[chosen]
        redone = int(told[worked, 3].max()) - t
        start = Regroup(t, tuple(told[chosen, 0].tolist()), redone)
        inside = comm.rank in chosen
        return _Plan(team if inside else None, start, None if old.all() else int(old.argmax()))

    def work(self, plan, updates, size, step):
        """Go back to the plan's step and make updates; return whether all are made.

        They are not if somebody died, or if the team is to have another size.
        """
        team = plan.team
        try:
            self.go_back(plan)
            while self.t < updates:
                if self.t % self.every == 0 and self.t > plan.start.step:
                    self.snapshots[self.t] = pack_state(self.model.params, self.optimizer)
                    self.snapshots = dict(sorted(self.snapshots.items())[-2:])
                    if size(self.t) != team.size:
                        return False
                self.losses[self.t] = step(self.t)
                self.t += 1
        except MPIError as error:
            if not is_death(error):
                raise
            team.Revoke()  # others may wait for one that lives, but is here
            return False
        return True

    def go_back(self, plan):
        """Take the state of the plan's step, from memory or from another member."""
        t, team = plan.start.step, plan.team
        packed = self.snapshots.get(t) if self.works else None
        if plan.giver is not None:
            packed = bcast_bytes(packed, team, plan.giver)
        unpack_state(packed, self.model.params, self.optimizer)
        self.works, self.t, self.snapshots = True, t, {t: packed}
        self.losses = {s: loss for s, loss in self.losses.items() if s < t}
        self.regroups.append(plan.start)


def bcast_bytes(packed, comm, root):
    """Give every rank of `comm` root's bytes."""
    size = np.array([len(packed) if comm.rank == root else 0])
    comm.Bcast(size, root)
    buffer = np.empty(size[0], np.uint8)
    if comm.rank == root:
        buffer[:] = np.frombuffer(packed, np.uint8)
    comm.Bcast(buffer, root)
    return buffer.tobytes()
