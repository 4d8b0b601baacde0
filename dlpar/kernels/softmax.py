"""Softmax by rows, and the loss on top: a warp takes a row, maximum and sum in one pass.

The launchers take (rows, columns) float32 arrays: NumPy arrays come back as NumPy arrays, device
arrays stay on the device. A wrong dtype or shape raises ValueError.
"""

import math

import numpy as np

from dlpar.gpu import cuda
from dlpar.kernels.launching import at_home, blocks_for, on_device, same_shape
from dlpar.kernels.linear import column_sums
from dlpar.kernels.warps import ALL, ROWS, WARP, warp_sum

ZERO, ONE = np.float32(0), np.float32(1)
LOWEST = np.finfo(np.float32).min  # not -inf: then LOWEST - LOWEST is 0 and not NaN


@cuda.jit(device=True)
def top_and_total(x, row):
    """Return the maximum of a row and the sum of exp(x - maximum), both in all lanes.

    Online: whenever the maximum so far rises from a to b, the sum so far is scaled by exp(a - b).
    Lanes merge their pairs (maximum, sum) in the same way. All 32 lanes must call.
    Source: Milakov & Gimelshein, arXiv 1805.02867, algorithm 3 and section 3.1.
    """
    top, total = LOWEST, ZERO
    for j in range(cuda.threadIdx.x, x.shape[1], WARP):
        v = x[row, j]
        higher = max(top, v)
        total = total * math.exp(top - higher) + math.exp(v - higher)
        top = higher
    distance = WARP // 2
    while distance > 0:
        other = cuda.shfl_xor_sync(ALL, top, distance)
        others = cuda.shfl_xor_sync(ALL, total, distance)
        higher = max(top, other)
        total = total * math.exp(top - higher) + others * math.exp(other - higher)
        top = higher
        distance //= 2
    return top, total


@cuda.jit
def softmax_rows(x, y):
    """y[i] = exp(x[i]) / sum(exp(x[i])), row by row.

    x, y : (rows, columns) float32, device; y overwritten, and may be x.
    Launch [blocks, (32, ROWS)] with blocks * ROWS >= rows. Reads x twice, writes y once.
    """
    row = cuda.blockIdx.x * ROWS + cuda.threadIdx.y
    if row < x.shape[0]:  # whole warps leave: lanes of one warp share their row
        top, total = top_and_total(x, row)
        for j in range(cuda.threadIdx.x, x.shape[1], WARP):
            y[row, j] = math.exp(x[row, j] - top) / total


@cuda.jit
def softmax_rows_backward(y, dy, dx):
    """dx = y (dy - sum(y dy)), row by row, from the y of the forward pass.

    y, dy, dx : (rows, columns) float32, device; dx overwritten.  Launch as `softmax_rows`.
    """
    row = cuda.blockIdx.x * ROWS + cuda.threadIdx.y
    if row < y.shape[0]:
        along = ZERO
        for j in range(cuda.threadIdx.x, y.shape[1], WARP):
            along += y[row, j] * dy[row, j]
        along = warp_sum(along)
        for j in range(cuda.threadIdx.x, y.shape[1], WARP):
            dx[row, j] = y[row, j] * (dy[row, j] - along)


@cuda.jit
def cross_entropy_rows(scores, labels, scale, losses, dscores):
    """losses[i] = -log softmax(scores[i])[labels[i]]; dscores = scale (softmax(scores) - one-hot).

    scores, dscores : (rows, classes) float32; labels : (rows,) int32; losses : (rows,) float32;
    all on the device, losses and dscores overwritten.  scale : float32, 1 / rows for a mean.
    Launch as `softmax_rows`.
    """
    row = cuda.blockIdx.x * ROWS + cuda.threadIdx.y
    if row < scores.shape[0]:
        top, total = top_and_total(scores, row)
        right = labels[row]
        for j in range(cuda.threadIdx.x, scores.shape[1], WARP):
            p = math.exp(scores[row, j] - top) / total
            dscores[row, j] = scale * (p - ONE if j == right else p)
        if cuda.threadIdx.x == 0:
            losses[row] = math.log(total) + (top - scores[row, right])


def softmax(x):
    """Return the softmax of each row of x; a row of -inf only gives NaN."""
    _has_columns("x", x)
    given = on_device("x", x, ndim=2)
    y = cuda.device_array(x.shape, np.float32)
    softmax_rows[blocks_for(x.shape[0], ROWS), (WARP, ROWS)](given, y)
    return at_home(y, x)


def softmax_grad(y, dy):
    """Return dL/dx of softmax, given its y and dL/dy."""
    same_shape(y=y, dy=dy)
    given, slope = on_device("y", y, ndim=2), on_device("dy", dy, ndim=2)
    dx = cuda.device_array(y.shape, np.float32)
    softmax_rows_backward[blocks_for(y.shape[0], ROWS), (WARP, ROWS)](given, slope, dx)
    return at_home(dx, y)


def softmax_cross_entropy(scores, labels):
    """Return the mean loss over the batch, a float, and dL/dscores.

    scores : (batch, classes) float32, batch at least 1.  labels : (batch,) int32 on the device, or
    integers 0 .. classes - 1 on the host, where they are checked; what is on the device is not.
    """
    _has_columns("scores", scores)
    batch, classes = scores.shape
    if batch == 0 or tuple(labels.shape) != (batch,):
        raise ValueError(
            f"needs a batch of at least 1 and as many labels, got scores {tuple(scores.shape)} "
            f"and labels {tuple(labels.shape)}"
        )
    if isinstance(labels, np.ndarray):
        if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= classes:
            raise ValueError(f"labels must be whole numbers in 0 .. {classes - 1}, got {labels!r}")
        labels = labels.astype(np.int32)
    given, right = on_device("scores", scores, ndim=2), on_device("labels", labels, 1, np.int32)
    losses = cuda.device_array((batch, 1), np.float32)
    dscores = cuda.device_array(scores.shape, np.float32)
    cross_entropy_rows[blocks_for(batch, ROWS), (WARP, ROWS)](
        given, right, np.float32(1 / batch), losses.ravel(), dscores
    )
    loss = float(column_sums(losses).copy_to_host()[0]) / batch
    return loss, at_home(dscores, scores)


def _has_columns(name, x):
    if len(x.shape) != 2 or x.shape[1] == 0:
        raise ValueError(f"{name} must be (rows, columns) with a column, got {tuple(x.shape)}")
