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


def require_root(root, comm, caller):
    """Raise ValueError unless `root` is a rank of `comm`."""
    if root not in range(comm.size):
        raise ValueError(f"{caller} needs root in 0..{comm.size - 1}, got {root!r}")


def require_count(name, value, caller):
    """Raise ValueError unless the argument `name` is an integer of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{caller} needs {name} as an integer of at least 1, got {value!r}")


def require_chunk(x, r, chunks, caller):
    """Raise ValueError unless `x` is as long as rank r's of the `chunks` of a whole vector."""
    if x.size != chunks[r].size:
        n = sum(chunk.size for chunk in chunks)
        raise ValueError(
            f"{caller} needs chunk {r} of {n} elements over {len(chunks)} ranks, which has "
            f"{chunks[r].size}, got {x.size}"
        )
