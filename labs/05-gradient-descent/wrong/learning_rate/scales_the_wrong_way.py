"""Divides by the batch where it should multiply."""

import math

CAUGHT = r"t=1, lr=0.1, base=8, b=64, m=640, warm=2: your function returned"


def learning_rate(t, lr, base, b, m, warm):
    peak = lr * base / b
    ramp = warm * math.ceil(m / b)
    if t >= ramp:
        return peak
    return lr + (peak - lr) * t / ramp
