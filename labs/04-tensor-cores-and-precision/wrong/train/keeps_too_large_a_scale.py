"""Leaves out the step, and keeps the scale."""

import numpy as np

CAUGHT = r"6 weights, steps=90, scale=2\*\*42, interval=30: call 2: the scale was \S+ and should"


def train(grad, weights, lr, steps, scale, interval):
    master, clean = weights.copy(), 0
    for _ in range(steps):
        g = grad(master.astype(np.float16), scale)
        if not np.isfinite(g).all():
            clean = 0
            continue
        master -= np.float32(lr) * (g.astype(np.float32) / np.float32(scale))
        clean += 1
        if clean == interval:
            scale, clean = scale * 2, 0
    return master
