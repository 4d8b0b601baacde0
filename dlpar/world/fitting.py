"""The two numbers of a network, from what messages of several sizes took."""

import numpy as np


def fit_alpha_beta(sizes, times):
    """Return (alpha, beta), s and s per byte, of the line alpha + n beta nearest to `times`.

    Nearest in relative error, by least squares: over decades of sizes, short messages and long ones
    count alike. Neither number is below 0: where the best line's is, the other is fitted alone.

    sizes : bytes, at least two different ones.  times : s, above 0, one for each size.
    Raises ValueError for anything else.
    """
    sizes, times = np.asarray(sizes, float), np.asarray(times, float)
    if sizes.ndim != 1 or sizes.shape != times.shape or len(set(sizes)) < 2:
        raise ValueError(
            f"fit_alpha_beta needs a time for each of two or more sizes, got {sizes.size} sizes "
            f"and {times.size} times"
        )
    if not (np.all(sizes >= 0) and np.all(times > 0) and np.all(np.isfinite([sizes, times]))):
        raise ValueError("fit_alpha_beta needs finite sizes of at least 0 and times above 0")
    one, per_byte = 1 / times, sizes / times  # alpha * one + beta * per_byte should be 1
    (alpha, beta), *_ = np.linalg.lstsq(np.stack([one, per_byte], axis=1), np.ones(len(times)))
    if alpha < 0:
        alpha, beta = 0.0, per_byte.sum() / (per_byte**2).sum()
    elif beta < 0:
        alpha, beta = one.sum() / (one**2).sum(), 0.0
    return float(alpha), float(beta)
