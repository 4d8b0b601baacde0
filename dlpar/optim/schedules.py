"""How far a step goes: a schedule is a function from the update's number t = 0, 1, ... to lr."""

import math


def constant(lr):
    """Return the schedule that is always `lr`."""
    return lambda t: lr


def step_decay(lr, every, factor=0.1):
    """Return the schedule that starts at `lr` and is multiplied by `factor` `every` updates."""
    if every < 1:
        raise ValueError(f"every must be at least 1 update, got {every!r}")
    return lambda t: lr * factor ** (t // every)


def cosine(lr, updates, final=0.0):
    """Return the schedule that falls from `lr` to `final` along half a cosine, then stays there.

    updates : how many updates it takes. Source: Loshchilov & Hutter, ICLR 2017, eq. 5.
    """
    if updates < 1:
        raise ValueError(f"updates must be at least 1, got {updates!r}")
    return lambda t: final + (lr - final) * (1 + math.cos(math.pi * min(t / updates, 1))) / 2


def warmup(schedule, updates, start):
    """Return `schedule` with its first `updates` updates replaced by a straight climb.

    start : lr at update 0; from update `updates` on, `schedule` alone decides.
    Source: gradual warm-up, Goyal et al. 2017, section 2.2.
    """
    if updates < 0:
        raise ValueError(f"updates must be at least 0, got {updates!r}")

    def lr(t):
        target = schedule(t)
        return target if t >= updates else start + (target - start) * t / updates

    return lr


def scaled_lr(lr, b, base, power=1.0):
    """Return the learning rate for batch `b` where `lr` was right for batch `base`.

    power : 1 is the linear scaling rule of Goyal et al. 2017, section 2.1; 0.5 keeps the noise of
    a step instead (Krizhevsky 2014, section 5); 0 leaves lr alone.
    """
    if b < 1 or base < 1:
        raise ValueError(f"b and base must be at least 1 example, got {b!r} and {base!r}")
    return lr * (b / base) ** power
