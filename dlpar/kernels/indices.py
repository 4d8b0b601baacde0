"""From a thread's number to the element it owns."""

from dlpar.gpu import cuda


@cuda.jit(device=True)
def unravel(i, shape):
    """Return the four indices of element `i` of a row-major array of `shape`, four lengths."""
    last = i % shape[3]
    i //= shape[3]
    third = i % shape[2]
    i //= shape[2]
    return i // shape[1], i % shape[1], third, last
