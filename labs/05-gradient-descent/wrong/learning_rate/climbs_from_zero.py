"""Begins the climb at 0: the promise is to begin at lr."""

import math

CAUGHT = r"t=0, lr=0.1, base=8, b=64, m=640, warm=2: your function returned 0.0, not 0.1"


def learning_rate(t, lr, base, b, m, warm):
    peak = lr * b / base
    ramp = warm * math.ceil(m / b)
    if t >= ramp:
        return peak
    return peak * t / ramp
