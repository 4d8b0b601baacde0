"""Takes warm for a number of updates: it is one of epochs."""

CAUGHT = r"t=1, lr=0.1, base=8, b=64, m=640, warm=2: your function returned 0.45"


def learning_rate(t, lr, base, b, m, warm):
    peak = lr * b / base
    ramp = warm
    if t >= ramp:
        return peak
    return lr + (peak - lr) * t / ramp
