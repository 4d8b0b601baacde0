"""Divides by ramp - 1, as linspace does: the last update of the climb has all of it."""

import math

CAUGHT = r"t=1, lr=0.1, base=8, b=64, m=640, warm=2: your function returned"


def learning_rate(t, lr, base, b, m, warm):
    peak = lr * b / base
    ramp = warm * math.ceil(m / b)
    if t >= ramp:
        return peak
    return lr + (peak - lr) * t / max(1, ramp - 1)
