"""Divides by the length of the climb, also where there is none."""

import math

CAUGHT = r"t=0, lr=0.1, base=8, b=64, m=640, warm=0: your code raised ZeroDivisionError"


def learning_rate(t, lr, base, b, m, warm):
    peak = lr * b / base
    ramp = warm * math.ceil(m / b)
    return lr + (peak - lr) * min(t / ramp, 1)
