"""Doubles once, and never again."""

import numpy as np

CAUGHT = r"4 gradients, scale=1024, clean=2, interval=3: clean: your function returned 3, not 0"


def unscale(grads, scale, clean, interval):
    if not np.isfinite(grads).all():
        return None, scale / 2, 0
    update = grads.astype(np.float32) / np.float32(scale)
    clean += 1
    if clean == interval:
        return update, scale * 2, clean
    return update, scale, clean
