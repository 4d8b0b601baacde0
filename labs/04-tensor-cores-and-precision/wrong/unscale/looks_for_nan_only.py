"""Takes infinity for a number."""

import numpy as np

CAUGHT = r"6 gradients, inf among them, scale=1024, clean=2, interval=3: your function returned a n"


def unscale(grads, scale, clean, interval):
    if np.isnan(grads).any():
        return None, scale / 2, 0
    update = grads.astype(np.float32) / np.float32(scale)
    clean += 1
    if clean == interval:
        return update, scale * 2, 0
    return update, scale, clean
