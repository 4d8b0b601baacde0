"""Experiments on the lock-step machine and with small floats: sectors, and where FP16 sticks."""

import numpy as np

from dlpar.gpu import profile
from dlpar.gpu.cards import V100
from dlpar.kernels import axpy


def sectors(stride):
    """Return the sectors of 32 bytes that serve one request of a warp with that stride."""
    x = np.zeros(8 * 128 * stride, np.float32)
    launch = axpy.axpy_strided[8, 128]
    return profile(launch, np.float32(2), x, x.copy(), x.copy(), stride).sectors_per_request


def half_sum_of_ones():
    """Return where a sum of ones stops to grow in 16-bit floats."""
    total, one = np.float16(0), np.float16(1)
    while total + one > total:
        total += one
    return float(total)


def ridge():
    """Return the intensity, FLOP a byte of memory, from which on a V100's arithmetic binds."""
    return V100.fp32 / V100.bandwidth
