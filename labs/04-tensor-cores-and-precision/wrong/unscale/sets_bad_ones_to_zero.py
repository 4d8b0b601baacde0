"""Mends what is not finite, and makes the step."""

import numpy as np

CAUGHT = r"6 gradients, inf among them, scale=1024, clean=2, interval=3: update: your function retu"


def unscale(grads, scale, clean, interval):
    if not np.isfinite(grads).all():
        return (
            np.nan_to_num(grads.astype(np.float32), nan=0, posinf=0, neginf=0) / np.float32(scale),
            scale / 2,
            0,
        )
    update = grads.astype(np.float32) / np.float32(scale)
    clean += 1
    if clean == interval:
        return update, scale * 2, 0
    return update, scale, clean
