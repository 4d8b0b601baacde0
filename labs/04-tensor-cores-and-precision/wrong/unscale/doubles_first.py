"""Divides by the scale of the next step."""

import numpy as np

CAUGHT = r"4 gradients, scale=1024, clean=2, interval=3: update: your function returned -3\.3469405"


def unscale(grads, scale, clean, interval):
    if not np.isfinite(grads).all():
        return None, scale / 2, 0
    clean += 1
    if clean == interval:
        scale, clean = scale * 2, 0
    return grads.astype(np.float32) / np.float32(scale), scale, clean
