"""Does not begin anew after an overflow."""

import numpy as np

CAUGHT = r"4 weights, steps=80, scale=2\*\*30, interval=3: call 62: the scale was \S+ and should"


def train(grad, weights, lr, steps, scale, interval):
    master, clean = weights.copy(), 0
    for _ in range(steps):
        g = grad(master.astype(np.float16), scale)
        if not np.isfinite(g).all():
            scale = scale / 2
            continue
        master -= np.float32(lr) * (g.astype(np.float32) / np.float32(scale))
        clean += 1
        if clean == interval:
            scale, clean = scale * 2, 0
    return master
