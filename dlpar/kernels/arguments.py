"""What every launcher needs: arrays checked and on the device, a grid that covers them."""

import numpy as np

from dlpar.gpu import cuda


def on_device(x, name, ndim, dtype=np.float32):
    """Return `x` on the device: itself if it is there, else a row-major copy.

    Raises ValueError if it has not `ndim` dimensions of `dtype`.
    """
    if not cuda.is_cuda_array(x):
        x = np.asarray(x)
    if x.ndim != ndim or x.dtype != dtype:
        need = f"{ndim} dimension{'s' * (ndim != 1)} of {np.dtype(dtype)}"
        raise ValueError(f"{name} needs {need}, got shape {x.shape} of {x.dtype}")
    return x if cuda.is_cuda_array(x) else cuda.to_device(np.ascontiguousarray(x))


def where_it_was(result, x):
    """Return `result`, an array on the device, where `x` is: on the host or on the device."""
    return result if cuda.is_cuda_array(x) else result.copy_to_host()


def same_shape(**arrays):
    """Raise ValueError unless all arrays have one shape."""
    shapes = {name: array.shape for name, array in arrays.items()}
    if len(set(shapes.values())) > 1:
        words = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(f"one shape is needed, got {words}")


def blocks_for(n, per_block):
    """Return how many blocks of `per_block` elements cover `n`: at least one, as a grid needs."""
    return max(1, -(-n // per_block))
