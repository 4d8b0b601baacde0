"""Makes up for the steps that were left out."""

import numpy as np

CAUGHT = r"6 weights, steps=90, scale=2\*\*42, interval=30: grad was called 91 times, par is 90: on"


def train(grad, weights, lr, steps, scale, interval):
    master, clean = weights.copy(), 0
    done = 0
    while done < steps:
        g = grad(master.astype(np.float16), scale)
        if not np.isfinite(g).all():
            scale, clean = scale / 2, 0
            continue
        done += 1
        master -= np.float32(lr) * (g.astype(np.float32) / np.float32(scale))
        clean += 1
        if clean == interval:
            scale, clean = scale * 2, 0
    return master
