"""Divides in float16."""

import numpy as np

CAUGHT = r"scale=2\*\*16, interval=100: .*(not 1.15|overflow)"


def train(grad, weights, lr, steps, scale, interval):
    master, clean = weights.copy(), 0
    for _ in range(steps):
        g = grad(master.astype(np.float16), scale)
        if not np.isfinite(g).all():
            scale, clean = scale / 2, 0
            continue
        master -= np.float32(lr) * (g / np.float16(scale)).astype(np.float32)
        clean += 1
        if clean == interval:
            scale, clean = scale * 2, 0
    return master
