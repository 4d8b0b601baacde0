"""How much faster p workers are: two laws, fitted to measured speed-ups."""

import numpy as np


def amdahl(p, serial):
    """Return the speed-up of p workers on work of one size, a share `serial` of which is not split.

    Source: Amdahl, AFIPS 1967.
    """
    return 1 / (serial + (1 - serial) / np.asarray(p, float))


def gustafson(p, serial):
    """Return the speed-up of p workers on work that grows with p, for a serial share of its time.

    Source: Gustafson, CACM 31(5), 1988.
    """
    p = np.asarray(p, float)
    return p - serial * (p - 1)


def fit_amdahl(p, speedup):
    """Return the serial share for which Amdahl's law is nearest to the measured speed-ups.

    p, speedup : equally long, some p above 1. Least squares in the time 1 / S, which is linear in
    the share: 1/S - 1/p = serial * (1 - 1/p).
    """
    p, speedup = _checked(p, speedup)
    return _slope(1 - 1 / p, 1 / speedup - 1 / p)


def fit_gustafson(p, speedup):
    """Return the serial share for which Gustafson's law is nearest: p - S = serial * (p - 1)."""
    p, speedup = _checked(p, speedup)
    return _slope(p - 1, p - speedup)


def _slope(x, y):
    return float(x @ y / (x @ x))


def _checked(p, speedup):
    p, speedup = np.asarray(p, float), np.asarray(speedup, float)
    if p.shape != speedup.shape or p.ndim != 1 or not (p > 1).any():
        raise ValueError("p and speedup must be equally long, with some p above 1")
    if not (speedup > 0).all() or not (p >= 1).all():
        raise ValueError("p must be at least 1, and speed-ups above 0")
    return p, speedup
