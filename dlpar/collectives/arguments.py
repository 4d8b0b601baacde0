"""What every collective asks of its vector, before the first message."""

import numpy as np


def require_vector(x, caller):
    """Raise ValueError unless `x` is a one-dimensional numeric array; `caller` is named in it."""
    if not isinstance(x, np.ndarray):
        raise ValueError(f"{caller} needs x as a NumPy array, got {type(x).__name__}")
    if x.ndim != 1:
        raise ValueError(f"{caller} needs x of shape (n,), got {x.shape}")
    if not np.issubdtype(x.dtype, np.number):
        raise ValueError(f"{caller} needs x of a numeric dtype, got {x.dtype}")
