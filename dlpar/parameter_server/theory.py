"""What is known about late gradients on paper."""

import math

from dlpar.collectives.arguments import require_count


def largest_rate(curvature, delay):
    """Return the learning rate above which gradients that come `delay` updates late diverge.

    curvature : lambda > 0, the largest eigenvalue of a quadratic's Hessian.
    delay : tau, 0 or more: w <- w - lr * gradient at the w of tau updates before.

    It is 2 sin(pi / (2 (2 tau + 1))) / lambda: 2 / lambda without delay, and about
    pi / (2 tau lambda) for long ones.
    Source: Levin & May, A note on difference-delay equations, Theor. Popul. Biol. 9, 1976.
    """
    if not curvature > 0:
        raise ValueError(f"curvature must be above 0, got {curvature!r}")
    require_count("delay + 1", delay + 1, "largest_rate")
    return 2 * math.sin(math.pi / (2 * (2 * delay + 1))) / curvature
