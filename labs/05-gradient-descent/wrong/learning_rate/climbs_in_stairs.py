"""Raises the rate once an epoch: the promise is a straight line."""

import math

CAUGHT = r"t=1, lr=0.1, base=8, b=64, m=640, warm=2: your function returned 0.1, not"


def learning_rate(t, lr, base, b, m, warm):
    peak = lr * b / base
    ramp = warm * math.ceil(m / b)
    if t >= ramp:
        return peak
    return lr + (peak - lr) * (t // math.ceil(m / b)) / warm
