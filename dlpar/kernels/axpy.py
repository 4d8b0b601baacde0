"""y = a x + y: two loads, two operations and a store an element, bound by memory everywhere."""

import numpy as np

from dlpar.gpu import cuda
from dlpar.kernels.launching import THREADS, at_home, blocks_for, on_device, same_shape


@cuda.jit
def axpy_kernel(a, x, y, out):
    """out = a * x + y; `out` may be `y`.

    a : float32.  x, y, out : (n,) float32, device; `out` is overwritten.
    Launch [blocks, threads] with blocks * threads >= n. 12 bytes and 2 operations an element.
    Source: Lawson et al., "Basic Linear Algebra Subprograms for Fortran Usage", 1979.
    """
    i = cuda.grid(1)
    if i < x.size:
        out[i] = a * x[i] + y[i]


@cuda.jit
def axpy_strided(a, x, y, out, stride):
    """out[i] = a * x[i] + y[i] for every stride-th i: neighbouring threads lie `stride` apart.

    a : float32.  x, y, out : (n,) float32, device; every stride-th of `out` is overwritten.
    stride : int >= 1.  Launch [blocks, threads] with blocks * threads * stride >= n.
    A warp's request touches min(4 * stride, 32) sectors of 32 bytes: the price of not adjoining.
    Source: Harris, "How to Access Global Memory Efficiently in CUDA C/C++ Kernels", 2013.
    """
    i = cuda.grid(1) * stride
    if i < x.size:
        out[i] = a * x[i] + y[i]


def axpy(a, x, y):
    """Return a * x + y for a number `a` and `x` and `y`, (n,) float32.

    Raises ValueError if the shapes differ or the types are others.
    """
    given, x, y = x, on_device("x", x, 1), on_device("y", y, 1)
    same_shape(x=x, y=y)
    out = cuda.device_array(x.size, np.float32)
    if x.size:
        axpy_kernel[blocks_for(x.size), THREADS](np.float32(a), x, y, out)
    return at_home(out, given)
