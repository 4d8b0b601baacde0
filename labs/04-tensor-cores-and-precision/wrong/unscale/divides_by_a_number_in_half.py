"""A float16 array divided by a Python number is float16."""

import numpy as np

CAUGHT = r"5 gradients, scale=8, clean=0, interval=3: update: your function returned -0\.0 at \[2\]"


def unscale(grads, scale, clean, interval):
    if not np.isfinite(grads).all():
        return None, scale / 2, 0
    update = (grads / scale).astype(np.float32)
    clean += 1
    if clean == interval:
        return update, scale * 2, 0
    return update, scale, clean
