"""Asks with a scale of 1."""

import numpy as np

CAUGHT = r"4 weights, steps=1, scale=2\*\*16, interval=100: call 1: the scale was \S+ and should"


def train(grad, weights, lr, steps, scale, interval):
    master, clean = weights.copy(), 0
    for _ in range(steps):
        g = grad(master.astype(np.float16), 1.0)
        if not np.isfinite(g).all():
            scale, clean = scale / 2, 0
            continue
        master -= np.float32(lr) * (g.astype(np.float32) / np.float32(scale))
        clean += 1
        if clean == interval:
            scale, clean = scale * 2, 0
    return master
