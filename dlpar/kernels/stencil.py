"""Stencils: every element from its neighbours, here one step of the diffusion of heat."""

import numpy as np

from dlpar.gpu import cuda, float32
from dlpar.kernels.launching import THREADS, at_home, blocks_for, on_device

HALO_TILE = THREADS + 2  # a block's elements, and one more at either side
SIDE = 16  # a block of the kernel in two dimensions has SIDE x SIDE threads


@cuda.jit
def diffuse_naive(x, rate, out):
    """out[i] = x[i] + rate * (x[i-1] - 2 x[i] + x[i+1]); the two ends stay what they are.

    x, out : (n,) float32, device; `out` is overwritten.  rate : float32, stable up to 1/2.
    Launch [blocks, threads] with blocks * threads >= n. Three loads an element.
    Source: LeVeque, "Finite Difference Methods", SIAM 2007, chapter 9.
    """
    i = cuda.grid(1)
    if i < x.size:
        if 0 < i < x.size - 1:
            out[i] = x[i] + rate * (x[i - 1] - float32(2) * x[i] + x[i + 1])
        else:
            out[i] = x[i]


@cuda.jit
def diffuse_shared(x, rate, out):
    """As `diffuse_naive`, from a shared tile with one more element at either side: the halo.

    x, out : (n,) float32, device; `out` is overwritten.  rate : float32.
    Launch [blocks, THREADS] with blocks * THREADS >= n. Shared: 4 * (THREADS + 2) bytes a block.
    One load an element, and two a block for the halo.
    Source: Harris, "Finite Difference Methods in CUDA C/C++", 2013.
    """
    tile = cuda.shared.array(HALO_TILE, float32)  # tile[1 + t] is the element of thread t
    t, i = cuda.threadIdx.x, cuda.grid(1)
    if i < x.size:
        tile[1 + t] = x[i]
    if t == 0 and i > 0:
        tile[0] = x[i - 1]
    if t == THREADS - 1 and i + 1 < x.size:
        tile[THREADS + 1] = x[i + 1]
    cuda.syncthreads()
    if i < x.size:
        if 0 < i < x.size - 1:
            out[i] = tile[1 + t] + rate * (tile[t] - float32(2) * tile[1 + t] + tile[2 + t])
        else:
            out[i] = tile[1 + t]


@cuda.jit
def diffuse_2d(x, rate, out):
    """out = x + rate * (the four neighbours - 4 x); the border stays what it is.

    x, out : (m, n) float32, device; `out` is overwritten.  rate : float32, stable up to 1/4.
    Launch [(ceil(n / SIDE), ceil(m / SIDE)), (SIDE, SIDE)]. Five loads an element.
    Source: LeVeque, "Finite Difference Methods", SIAM 2007, section 3.2.
    """
    j, i = cuda.grid(2)
    if i < x.shape[0] and j < x.shape[1]:
        if 0 < i < x.shape[0] - 1 and 0 < j < x.shape[1] - 1:
            around = x[i - 1, j] + x[i + 1, j] + x[i, j - 1] + x[i, j + 1]
            out[i, j] = x[i, j] + rate * (around - float32(4) * x[i, j])
        else:
            out[i, j] = x[i, j]


def diffuse(x, rate, steps=1, kernel=diffuse_shared):
    """Return `x`, (n,) or (m, n) float32, after `steps` steps of diffusion; the border is fixed.

    kernel : for one dimension.
    Raises ValueError for another type or number of dimensions, and for a negative `steps`.
    """
    if len(x.shape) not in (1, 2):
        raise ValueError(f"x must have 1 or 2 dimensions, got shape {tuple(x.shape)}")
    if steps < 0:
        raise ValueError(f"diffuse needs 0 or more steps, got {steps}")
    given, x = x, on_device("x", x)
    states = [cuda.device_array(x.shape, np.float32) for _ in range(2)]
    if x.size == 0:
        return at_home(states[0], given)
    if x.ndim == 1:
        launch = kernel[blocks_for(x.size, THREADS), THREADS]
    else:
        grid = blocks_for(x.shape[1], SIDE), blocks_for(x.shape[0], SIDE)
        launch = diffuse_2d[grid, (SIDE, SIDE)]
    for s in range(steps):
        launch(x, np.float32(rate), states[s % 2])
        x = states[s % 2]
    return at_home(x, given)
