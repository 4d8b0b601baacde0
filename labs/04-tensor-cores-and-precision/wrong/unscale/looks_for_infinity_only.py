"""Takes NaN for a number."""

import numpy as np

CAUGHT = r"6 gradients, nan among them, scale=512, clean=1, interval=9: your function returned a nu"


def unscale(grads, scale, clean, interval):
    if np.isinf(grads).any():
        return None, scale / 2, 0
    update = grads.astype(np.float32) / np.float32(scale)
    clean += 1
    if clean == interval:
        return update, scale * 2, 0
    return update, scale, clean
