"""Losses: how wrong the scores are, averaged over the batch, and which way is less wrong."""

import numpy as np


def softmax_cross_entropy(scores, y):
    """Return the mean of -log softmax(scores)[y], a float, and its gradient in `scores`.

    Parameters
    ----------
    scores : (batch, classes) float array. Not modified.
    y : (batch,) integer array of right classes, each in 0 .. classes - 1.

    Returns
    -------
    loss, float, in nats; and dL/dscores, (batch, classes), of the dtype of `scores`.

    Raises ValueError if y has another shape or names a class that is not there.
    """
    batch, classes = scores.shape
    if y.shape != (batch,):
        raise ValueError(f"y must be ({batch},) class labels, got shape {y.shape}")
    if y.min() < 0 or y.max() >= classes:
        raise ValueError(f"y must lie in 0 .. {classes - 1}, got {y.min()} .. {y.max()}")
    right = np.arange(batch), y
    # Softmax does not change when a row's largest score is taken off, and exp cannot overflow.
    p = scores - np.maximum.reduce(scores, axis=1, keepdims=True)
    gain = np.add.reduce(p[right])
    np.exp(p, out=p)
    total = np.add.reduce(p, axis=1, keepdims=True)
    loss = (float(np.add.reduce(np.log(total), axis=None)) - float(gain)) / batch
    p /= total
    p[right] -= 1
    p /= batch
    return loss, p


def squared_error(scores, y):
    """Return half the squared error, summed over outputs and averaged over the batch, and gradient.

    Parameters
    ----------
    scores, y : (batch, k) float arrays. Not modified.

    Returns
    -------
    loss = sum((scores - y)**2) / (2 batch), float; and dL/dscores, (batch, k).

    Raises ValueError if the shapes differ.
    """
    if scores.shape != y.shape:
        raise ValueError(f"y must have the shape of the scores, {scores.shape}, got {y.shape}")
    error = scores - y
    batch = len(error)
    loss = float(np.vdot(error, error)) / (2 * batch)
    error /= batch
    return loss, error
