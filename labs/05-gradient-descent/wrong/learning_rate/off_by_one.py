"""Counts from 1: update 0 has already gone a step of the way."""

import math

CAUGHT = r"t=0, lr=0.1, base=8, b=64, m=640, warm=2: your function returned"


def learning_rate(t, lr, base, b, m, warm):
    peak = lr * b / base
    ramp = warm * math.ceil(m / b)
    if t >= ramp:
        return peak
    return lr + (peak - lr) * (t + 1) / ramp
