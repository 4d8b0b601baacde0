"""What every launcher does first and last: look at its arrays, count blocks, bring results home."""

import numpy as np

from dlpar.gpu import cuda

THREADS = 128  # of a block, where nothing speaks for another number


def ceil_div(n, d):
    """Return n / d, rounded up."""
    return -(-n // d)


def blocks_for(n, threads=THREADS):
    """Return how many blocks of `threads` cover `n` elements: at least one, as a launch needs."""
    return max(1, ceil_div(n, threads))


def on_device(name, x, ndim=None, dtype=np.float32):
    """Return `x`, an array of the host or the device, on the device; host arrays are copied.

    Raises ValueError that calls it `name` if it has another dtype or number of dimensions.
    """
    if x.dtype != dtype:
        raise ValueError(f"{name} must be {np.dtype(dtype)}, got {x.dtype}")
    if ndim is not None and len(x.shape) != ndim:
        raise ValueError(f"{name} must have {ndim} dimensions, got shape {tuple(x.shape)}")
    return cuda.to_device(np.ascontiguousarray(x)) if isinstance(x, np.ndarray) else x


def same_shape(**arrays):
    """Raise ValueError that names two of `arrays` if their shapes differ."""
    (first, x), *others = arrays.items()
    for name, other in others:
        if tuple(other.shape) != tuple(x.shape):
            raise ValueError(
                f"{name} must have the shape of {first}, {tuple(x.shape)}, got {tuple(other.shape)}"
            )


def at_home(result, x):
    """Return the device array `result` where `x` lives: NumPy in, NumPy out."""
    return result.copy_to_host() if isinstance(x, np.ndarray) else result
