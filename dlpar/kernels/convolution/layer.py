"""Convolution forward and backward, by any algorithm that can do it.

All are cross-correlations, as in every library: filters are not flipped. x is (n, c, h, w),
filters (k, c, r, s), y (n, k, p, q), float32, with p = (h + 2 padding - r) // stride + 1. NumPy
arrays come back as NumPy arrays, device arrays stay on the device.
"""

import numpy as np

from dlpar.gpu import cuda
from dlpar.kernels.convolution import direct, im2col
from dlpar.kernels.convolution.choose import ALGORITHMS
from dlpar.kernels.convolution.problem import problem_of
from dlpar.kernels.indices import unravel
from dlpar.kernels.launching import THREADS, at_home, blocks_for, on_device

BACKWARD = {"direct": direct, "im2col": im2col}  # at any stride; the others go by flipped filters


@cuda.jit
def flip_filters(filters, flipped):
    """flipped[c, k, r, s] = filters[k, c, -1 - r, -1 - s]: turned by half a turn, roles exchanged.

    filters : (k, c, r, s).  flipped : (c, k, r, s), overwritten.  Both float32, device.
    Launch [blocks, threads] with blocks * threads >= filters.size.
    """
    i = cuda.grid(1)
    if i < flipped.size:
        c, k, r, s = unravel(i, flipped.shape)
        last_r, last_s = filters.shape[2] - 1, filters.shape[3] - 1
        flipped[c, k, r, s] = filters[k, c, last_r - r, last_s - s]


def convolve(x, filters, stride=1, padding=0, algorithm="implicit_gemm"):
    """Return y, by the algorithm of that name in `ALGORITHMS`.

    Raises ValueError for shapes, types or a name that do not fit, or if the algorithm cannot do
    this stride or these filters.
    """
    problem = problem_of(x.shape, filters.shape, stride, padding)
    chosen = _able(algorithm, problem)
    given, weights = on_device("x", x, 4), on_device("filters", filters, 4)
    return at_home(chosen.forward(problem, given, weights), x)


def convolve_backward_data(dy, filters, x_shape, stride=1, padding=0, algorithm="im2col"):
    """Return dL/dx, of shape x_shape, given dL/dy.

    "direct" and "im2col" do it at any stride. Any other algorithm correlates dy with the flipped
    filters, padded by r - 1 - padding: that needs square filters and a padding below r.
    Raises ValueError as `convolve`.
    """
    problem = problem_of(x_shape, filters.shape, stride, padding)
    _fits(dy, problem)
    if algorithm not in BACKWARD:
        return _by_flipped(dy, filters, problem, algorithm)
    slope, weights = on_device("dy", dy, 4), on_device("filters", filters, 4)
    return at_home(BACKWARD[algorithm].backward_data(problem, slope, weights), dy)


def convolve_backward_filter(x, dy, filter_shape, stride=1, padding=0, algorithm="im2col"):
    """Return dL/dfilters, of shape filter_shape, given x and dL/dy: "direct" or "im2col".

    Raises ValueError as `convolve`.
    """
    problem = problem_of(x.shape, filter_shape, stride, padding)
    _fits(dy, problem)
    if algorithm not in BACKWARD:
        raise ValueError(f"algorithm must be one of {sorted(BACKWARD)}, got {algorithm!r}")
    given, slope = on_device("x", x, 4), on_device("dy", dy, 4)
    return at_home(BACKWARD[algorithm].backward_filter(problem, given, slope), x)


def _by_flipped(dy, filters, problem, algorithm):
    if problem.stride != 1 or problem.r != problem.s or problem.padding >= problem.r:
        raise ValueError(
            f"flipped filters need stride 1, square filters and padding below their side, "
            f"got {problem}"
        )
    k, c, r, s = problem.filter_shape
    padding = r - 1 - problem.padding
    chosen = _able(algorithm, back := problem_of(dy.shape, (c, k, r, s), 1, padding))
    slope, weights = on_device("dy", dy, 4), on_device("filters", filters, 4)
    flipped = cuda.device_array((c, k, r, s), np.float32)
    flip_filters[blocks_for(flipped.size), THREADS](weights, flipped)
    return at_home(chosen.forward(back, slope, flipped), dy)


def _able(name, problem):
    """Return the algorithm of that name if it can solve the problem; raise ValueError if not."""
    if name not in ALGORITHMS:
        raise ValueError(f"algorithm must be one of {sorted(ALGORITHMS)}, got {name!r}")
    if not ALGORITHMS[name].supports(problem):
        raise ValueError(f"{name} cannot do {problem}")
    return ALGORITHMS[name]


def _fits(dy, problem):
    if tuple(dy.shape) != problem.y_shape:
        raise ValueError(f"dy must have the shape of y, {problem.y_shape}, got {tuple(dy.shape)}")
