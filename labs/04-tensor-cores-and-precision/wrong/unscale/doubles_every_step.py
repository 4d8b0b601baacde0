"""Does not wait for the interval."""

import numpy as np

CAUGHT = r"5 gradients, scale=8, clean=0, interval=3: scale: your function returned 16\.0, not 8\.0"


def unscale(grads, scale, clean, interval):
    if not np.isfinite(grads).all():
        return None, scale / 2, 0
    update = grads.astype(np.float32) / np.float32(scale)
    clean += 1
    return update, scale * 2, clean
