"""Never goes below lr: but a smaller batch than base needs a smaller rate."""

import math

CAUGHT = r"lr=0.5, base=8, b=1, m=5, warm=1: your function returned"


def learning_rate(t, lr, base, b, m, warm):
    peak = lr * max(1, b / base)
    ramp = warm * math.ceil(m / b)
    if t >= ramp:
        return peak
    return lr + (peak - lr) * t / ramp
