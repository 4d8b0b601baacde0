"""Experiments with failures: where goodput peaks, and what Llama 3's rate of stops leaves."""

from functools import lru_cache

import numpy as np

from dlpar.resilience.goodput import (
    LLAMA3,
    daly_interval,
    failing_goodput,
    peak,
    young_interval,
)

DELTA, RESTART = 10.0, 300.0  # s; ours, for the report does not say


@lru_cache
def found_peak():
    """Return the interval, s, at which 20,000 failures at Llama 3's rate leave the most."""
    gaps = np.random.default_rng(0).exponential(LLAMA3.mtbf, 20_000)
    taus = young_interval(DELTA, LLAMA3.mtbf) * np.geomspace(0.4, 2.5, 9)
    return peak(taus, [failing_goodput(tau, DELTA, RESTART, gaps) for tau in taus])


def peak_over(interval):
    """Return the found peak over the one of `interval`, a function of (delta, mtbf)."""
    return found_peak() / interval(DELTA, LLAMA3.mtbf)


def effective_time():
    """Return the share, %, of 54 days that lasts, with Daly's interval and 419 stops."""
    gaps = np.random.default_rng(1).exponential(LLAMA3.mtbf, LLAMA3.stops)
    tau = daly_interval(DELTA, LLAMA3.mtbf)
    return 100 * failing_goodput(tau, DELTA, RESTART, gaps)
