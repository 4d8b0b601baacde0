"""Goes on climbing after the warm-up."""

import math

CAUGHT = r"t=21, lr=0.1, base=8, b=64, m=640, warm=2: your function returned"


def learning_rate(t, lr, base, b, m, warm):
    peak = lr * b / base
    ramp = warm * math.ceil(m / b)
    if ramp == 0:
        return peak
    return lr + (peak - lr) * t / ramp
