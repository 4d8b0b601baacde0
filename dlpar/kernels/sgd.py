"""What an update does with a gradient, one thread a parameter. The parameters stay on the device.

As in `dlpar.optim`, and in place: w and v are device arrays, (d,) float32; g may also be a NumPy
array. A wrong dtype, shape or place raises ValueError before anything has moved.
"""

import numpy as np

from dlpar.gpu import cuda
from dlpar.kernels.launching import THREADS, blocks_for, on_device, same_shape


@cuda.jit
def sgd_update(w, g, lr):
    """w -= lr g.

    w, g : (d,) float32, device; w changed in place.  lr : float32.
    Launch [blocks, threads] with blocks * threads >= d. 12 bytes and 2 FLOPs a parameter.
    """
    i = cuda.grid(1)
    if i < w.size:
        w[i] -= lr * g[i]


@cuda.jit
def momentum_update(w, v, g, lr, mu):
    """v = mu v + g; w -= lr v.

    w, v, g : (d,) float32, device; w and v changed in place.  lr, mu : float32.
    Launch as `sgd_update`. 20 bytes and 4 FLOPs a parameter.
    Source: Goyal et al. 2017, eq. 9.
    """
    i = cuda.grid(1)
    if i < w.size:
        speed = mu * v[i] + g[i]
        v[i] = speed
        w[i] -= lr * speed


def sgd_step(w, g, lr):
    """Move w by -lr g."""
    _vectors(w=w, g=g)
    sgd_update[blocks_for(w.size), THREADS](w, on_device("g", g), np.float32(lr))


def momentum_step(w, v, g, lr, mu=0.9):
    """Update the velocity v by g, and move w by -lr v; 0 <= mu < 1."""
    _vectors(w=w, v=v, g=g)
    if not 0 <= mu < 1:
        raise ValueError(f"mu must lie in [0, 1), got {mu!r}")
    momentum_update[blocks_for(w.size), THREADS](
        w, v, on_device("g", g), np.float32(lr), np.float32(mu)
    )


def _vectors(**vectors):
    for name, vector in vectors.items():
        on_host = isinstance(vector, np.ndarray)
        if on_host and name != "g":
            raise ValueError(f"{name} is changed in place, on the device: pass cuda.to_device(...)")
        if vector.dtype != np.float32 or len(vector.shape) != 1:
            raise ValueError(f"{name} must be (d,) float32, got {vector.shape} {vector.dtype}")
    same_shape(**vectors)
