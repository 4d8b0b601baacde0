"""Batches, updates, schedules, descent and noise: against closed forms and PyTorch."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlpar.data import linear_regression
from dlpar.nn import Linear, Model, mlp, squared_error
from dlpar.optim import (
    LARS,
    SGD,
    Adagrad,
    Adam,
    Momentum,
    PolyakMomentum,
    batches,
    constant,
    cosine,
    critical_batch,
    descend,
    noise_scale,
    scaled_lr,
    step_decay,
    warmup,
)


def rng(seed=0):
    return np.random.default_rng(seed)


@given(m=st.integers(1, 60), b=st.integers(1, 60), seed=st.none() | st.integers(0, 9))
def test_an_epoch_sees_every_example_once_and_only_the_last_batch_is_shorter(m, b, seed):
    b = min(b, m)
    epoch = list(batches(m, b, None if seed is None else rng(seed)))
    assert [len(batch) for batch in epoch] == [b] * (m // b) + [m % b] * (m % b > 0)
    seen = np.concatenate(epoch)
    np.testing.assert_array_equal(np.sort(seen), np.arange(m))
    if seed is None:
        np.testing.assert_array_equal(seen, np.arange(m))


def test_ten_of_a_thousand_is_a_hundred_updates_an_epoch():
    epoch = list(batches(1000, 10))
    assert len(epoch) == 100
    assert [batch[0] + 1 for batch in epoch] == list(range(1, 992, 10))  # i = 1, 11, ..., 991


def test_another_seed_gives_another_order_and_the_same_seed_the_same():
    first, again, other = (np.concatenate([*batches(50, 7, rng(s))]) for s in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


OPTIMIZERS = {
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": lambda w: Momentum(w, nesterov=True),
    "polyak": PolyakMomentum,
    "adam": Adam,
}


def follow(make, grads, lrs, dtype=float):
    """The parameters after each step, (steps, d), starting from 0."""
    w = np.zeros(grads.shape[1], dtype)
    optimizer, path = make(w), []
    for g, lr in zip(grads.astype(dtype), lrs, strict=True):
        optimizer.step(g, lr)
        path.append(w.copy())
    return np.array(path)


def test_sgd_is_its_formula_to_the_bit_and_reaches_the_end_of_a_long_vector():
    for d in (0, 1, 300_001):
        w, g = rng().normal(size=(2, d)).astype(np.float32)
        want = w - np.float32(0.5) * g  # a power of two: the product is exact, one rounding is left
        SGD(w).step(g, 0.5)
        np.testing.assert_array_equal(w, want)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sgd_rounds_once_or_twice_at_any_rate(dtype):
    w, g = rng().normal(size=(2, 1000)).astype(dtype)
    want = w.astype(np.longdouble) - np.longdouble(0.3) * g
    most = np.finfo(dtype).eps * (np.abs(w) + 0.6 * np.abs(g))  # of rate, product and difference
    SGD(w).step(g, np.float64(0.3))
    assert np.all(np.abs(w - want) <= most)


def test_an_optimizer_of_a_slice_moves_that_slice_only():
    w = np.zeros(10)
    SGD(w[3:7]).step(np.ones(4), 1)
    np.testing.assert_array_equal(w, [0, 0, 0, -1, -1, -1, -1, 0, 0, 0])


@pytest.mark.parametrize("make", [SGD, Momentum, PolyakMomentum, Adam])
def test_what_blas_would_copy_is_refused(make):
    fixed = np.zeros(3)
    fixed.flags.writeable = False
    for params in (np.zeros((2, 2)), np.zeros(6)[::2], fixed):
        with pytest.raises(ValueError, match="params must be one contiguous vector"):
            make(params)
    with pytest.raises(TypeError, match="params must be float32 or float64, got int64"):
        make(np.zeros(3, int))


def test_momentum_of_a_constant_gradient_is_a_geometric_sum():
    path = follow(lambda w: Momentum(w, 0.5), np.ones((3, 1)), [1, 1, 1])
    np.testing.assert_array_equal(path[:, 0], [-1, -2.5, -4.25])  # steps 1, 1.5, 1.75
    path = follow(lambda w: Momentum(w, 0.5, nesterov=True), np.ones((3, 1)), [1, 1, 1])
    np.testing.assert_array_equal(path[:, 0], [-1.5, -3.25, -5.125])  # 1 + 1/2, 1 + 3/4, 1 + 7/8


def test_adam_of_a_constant_gradient_takes_steps_of_lr_whatever_its_size():
    grads = np.tile([1e-3, -1.0, 1e3], (5, 1))
    path = follow(lambda w: Adam(w, eps=1e-30), grads, [0.1] * 5)
    np.testing.assert_allclose(path, -0.1 * np.arange(1, 6)[:, None] * np.sign(grads), rtol=1e-9)


@pytest.mark.parametrize("name", ["momentum", "nesterov", "polyak"])
def test_momentum_of_zero_is_plain_descent(name):
    make = {
        "momentum": lambda w: Momentum(w, 0),
        "nesterov": lambda w: Momentum(w, 0, nesterov=True),
        "polyak": lambda w: PolyakMomentum(w, 0),
    }[name]
    grads, lrs = rng().normal(size=(6, 3)), rng(1).random(6)
    np.testing.assert_allclose(follow(make, grads, lrs), follow(SGD, grads, lrs), rtol=1e-14)


def test_corrected_velocity_follows_the_trajectory_of_the_form_that_needs_no_correction():
    grads = rng().normal(size=(40, 3))
    lrs = [warmup(step_decay(0.5, 20), 10, 0.01)(t) for t in range(40)]
    want = follow(Momentum, grads, lrs)
    # A handful of roundings of values of order 1, 40 steps, remembered for 1 / (1 - mu) = 10.
    np.testing.assert_allclose(follow(PolyakMomentum, grads, lrs), want, rtol=0, atol=1e-12)
    uncorrected = follow(lambda w: PolyakMomentum(w, correct=False), grads, lrs)
    assert np.abs(uncorrected - want).max() > 0.1


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("d", [0, 1, 5])
def test_a_step_works_in_place_keeps_the_gradient_and_the_dtype(name, d):
    w, g = np.ones(d, np.float32), np.full(d, 2.0, np.float32)
    optimizer = OPTIMIZERS[name](w)
    optimizer.step(g, 0.1)
    assert optimizer.params is w
    assert np.all(w < 1)
    assert np.all(g == 2)
    assert all(v.dtype == np.float32 for v in vars(optimizer).values() if hasattr(v, "dtype"))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_allocates_nothing(name):
    w, g = rng().normal(size=(2, 200_000)).astype(np.float32)
    optimizer = OPTIMIZERS[name](w)
    optimizer.step(g, 0.1)
    tracemalloc.start()
    optimizer.step(g, 0.1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000  # bytes; a copy of the vector would be 800,000


@pytest.mark.peer("torch")
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_twenty_steps_are_pytorchs(name):
    import torch

    grads = rng().normal(size=(20, 4))
    want = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    theirs = {
        "sgd": lambda: torch.optim.SGD([want], 0.1),
        "momentum": lambda: torch.optim.SGD([want], 0.1, momentum=0.9),
        "nesterov": lambda: torch.optim.SGD([want], 0.1, momentum=0.9, nesterov=True),
        "polyak": lambda: torch.optim.SGD([want], 0.1, momentum=0.9),  # the same at one rate
        "adam": lambda: torch.optim.Adam([want], 0.1),
    }[name]()
    for g in grads:
        want.grad = torch.tensor(g)
        theirs.step()
    got = follow(OPTIMIZERS[name], grads, [0.1] * 20)[-1]
    # Ten roundings a step of values up to 20, 20 steps: 4e-13.
    np.testing.assert_allclose(got, want.detach().numpy(), rtol=0, atol=1e-12)


def test_schedules_at_their_corners():
    assert [constant(0.5)(t) for t in (0, 9)] == [0.5, 0.5]
    assert [step_decay(8, 10, 0.5)(t) for t in (0, 9, 10, 29, 30)] == [8, 8, 4, 2, 1]
    half = cosine(2, 10, final=1)
    assert [half(0), half(5), half(10), half(99)] == pytest.approx([2, 1.5, 1, 1])
    assert all(half(t) > half(t + 1) for t in range(10))


def test_warmup_climbs_straight_and_hands_over():
    rate = warmup(constant(1.0), 4, start=0.2)
    assert [rate(t) for t in range(6)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1, 1])
    assert warmup(constant(1.0), 0, start=0.2)(0) == 1


def test_scaling_rules():
    assert scaled_lr(0.1, 8192, 256) == pytest.approx(3.2)  # Goyal et al. 2017: 0.1 * 8192 / 256
    assert scaled_lr(0.1, 400, 100, power=0.5) == pytest.approx(0.2)
    assert scaled_lr(0.1, 400, 100, power=0) == 0.1


def regression(dtype=np.float64):
    x, y, w = linear_regression(rng(), 60, 4)
    model = Model([Linear(4, 1, rng(1))], squared_error, dtype)
    return model, x.astype(dtype), y.astype(dtype), w


def test_batch_descent_on_a_regression_is_the_closed_form():
    model, x, y, _ = regression()
    start = model.params.copy()
    losses = list(descend(model, x, y, b=60, updates=25, lr=0.1))
    a = np.hstack([x, np.ones((60, 1))])  # the bias is the weight of a feature that is always 1
    hessian, best = a.T @ a / 60, np.linalg.lstsq(a, y, rcond=None)[0][:, 0]
    shrink = np.linalg.matrix_power(np.eye(5) - 0.1 * hessian, 25)
    np.testing.assert_allclose(model.params, best + shrink @ (start - best), rtol=1e-10)
    assert len(losses) == 25
    assert np.all(np.diff(losses) < 0)


@pytest.mark.parametrize("b", [1, 7, 60])
def test_descent_comes_to_the_known_solution(b):
    model, x, y, w = regression()
    updates = 200 * -(-60 // b)
    list(descend(model, x, y, b, updates, cosine(0.1, updates), rng(2)))
    # With a bias as well, the solution moves by about noise / sqrt(m) = 0.1 / 8.
    np.testing.assert_allclose(model.params[:4], w[:, 0], atol=0.03)


def test_descent_shuffles_every_epoch_and_counts_updates_across_them():
    class Recorder:
        def __init__(self):
            self.params, self.grads, self.seen = np.zeros(1), np.zeros(1), []

        def loss_and_grad(self, x, y):
            self.seen.append(x.tolist())
            return 0.0

    model, rates = Recorder(), []
    x = np.arange(5)
    list(descend(model, x, x, 2, 7, lambda t: rates.append(t) or 0.1, rng()))
    assert rates == list(range(7))
    assert [len(batch) for batch in model.seen] == [2, 2, 1, 2, 2, 1, 2]
    epochs = [[i for batch in model.seen[k : k + 3] for i in batch] for k in (0, 3)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(5))
    assert epochs[0] != epochs[1]


def test_descent_is_lazy_and_stops_where_its_reader_stops():
    model, x, y, _ = regression()
    start = model.params.copy()
    steps = descend(model, x, y, 10, 100, 0.1)
    np.testing.assert_array_equal(model.params, start)
    next(steps)
    once = model.params.copy()
    assert not np.array_equal(once, start)
    steps.close()
    np.testing.assert_array_equal(model.params, once)


def test_the_same_seeds_train_to_the_same_bits():
    def trained():
        model = mlp((4, 8, 3), rng(1))
        x, y = rng(2).normal(size=(30, 4)).astype(np.float32), rng(3).integers(0, 3, 30)
        list(descend(model, x, y, 7, 40, 0.1, rng(4), Momentum(model.params)))
        return model.params

    np.testing.assert_array_equal(trained(), trained())


def test_noise_scale_is_the_trace_of_the_covariance_over_the_gradient_squared():
    model, x, y, _ = regression()
    error = x @ model.layers[0].W + model.layers[0].b - y
    each = error * np.hstack([x, np.ones((60, 1))])  # (m, d): the gradient of each example
    want = each.mean(axis=0)
    noise = noise_scale(model, x, y)
    assert noise.scatter == pytest.approx(np.trace(np.cov(each.T, bias=True)))
    assert noise.squared_norm == pytest.approx(want @ want)
    assert noise.scale == pytest.approx(noise.scatter / noise.squared_norm)
    np.testing.assert_allclose(model.grads, want, rtol=1e-10)


def test_critical_batch_finds_the_knee_it_was_made_from():
    b = np.array([1, 4, 16, 64, 256])
    knee = critical_batch(b, 30 * (1 + 50 / b))
    assert knee == pytest.approx((30, 50))


def test_critical_batch_weighs_relative_errors():
    """One point that is 10 % off moves the fit alike, whichever point it is, up to its leverage."""
    b = np.array([1, 1000.0])
    knee = critical_batch(np.repeat(b, 2), [990, 1010, 9.9, 10.1])
    # For two b, twice each, the fit goes through weighted means within 1 % of the two levels.
    assert knee.smallest * (1 + knee.batch / 1) == pytest.approx(1000, rel=0.001)
    assert knee.smallest * (1 + knee.batch / 1000) == pytest.approx(10, rel=0.001)


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: next(batches(0, 1)), "m must"),
        (lambda: next(batches(5, 6)), "b must"),
        (lambda: next(batches(5, 0)), "b must"),
        (lambda: Momentum(np.zeros(1), mu=1), "mu"),
        (lambda: PolyakMomentum(np.zeros(1), mu=-0.1), "mu"),
        (lambda: Adam(np.zeros(1), b2=1), "b2"),
        (lambda: Adam(np.zeros(1), eps=0), "eps"),
        (lambda: step_decay(1, 0), "every"),
        (lambda: cosine(1, 0), "updates"),
        (lambda: warmup(constant(1), -1, 0), "updates"),
        (lambda: scaled_lr(1, 0, 1), "b and base"),
        (lambda: next(descend(None, [1, 2], [1], 1, 1, 1)), "x and y"),
        (lambda: critical_batch([3, 3], [1, 2]), "two different b"),
        (lambda: critical_batch([1, 2], [1]), "equally long"),
    ],
)
def test_wrong_arguments_are_named(make, named):
    with pytest.raises(ValueError, match=named):
        make()


def test_what_is_no_array_and_no_generator_is_named():
    with pytest.raises(TypeError, match=r"params must be a NumPy array .* got list"):
        SGD([1.0, 2.0])
    with pytest.raises(TypeError, match="rng must be"):
        next(batches(10, 2, rng=0))


def test_adagrad_is_its_formula():
    w, squares = np.array([1.0, -2.0]), np.zeros(2)
    rule = Adagrad(params := w.copy())
    for g in ([3.0, 0.5], [-1.0, 0.25]):
        g = np.array(g)
        squares += g**2
        w -= 0.1 * g / (np.sqrt(squares) + 1e-8)
        rule.step(g, 0.1)
        np.testing.assert_allclose(params, w, rtol=1e-15)
    with pytest.raises(ValueError, match="eps"):
        Adagrad(params, eps=0)


def test_lars_moves_every_layer_by_the_same_share_of_its_length():
    """Whatever a layer's gradient is multiplied by; and each layer for itself."""
    rng = np.random.default_rng(0)
    start, g = rng.normal(size=9), rng.normal(size=9)
    parts = [slice(0, 4), slice(4, 4), slice(4, 9)]
    for size in (1.0, 1e4):
        rule = LARS(params := start.copy(), parts, mu=0.0, trust=0.01)
        scaled = g.copy()
        scaled[:4] *= size
        rule.step(scaled, 0.5)
        for part in (parts[0], parts[2]):
            moved = np.linalg.norm(params[part] - start[part])
            assert moved == pytest.approx(0.5 * 0.01 * np.linalg.norm(start[part]))


def test_lars_is_its_formula():
    rng = np.random.default_rng(1)
    w, v, parts = rng.normal(size=6), np.zeros(6), [slice(0, 2), slice(2, 6)]
    rule = LARS(params := w.copy(), parts, mu=0.8, trust=0.02, decay=0.1)
    for _ in range(3):
        g = rng.normal(size=6)
        for part in parts:
            size, slope = np.linalg.norm(w[part]), np.linalg.norm(g[part])
            rate = 0.3 * 0.02 * size / (slope + 0.1 * size)
            v[part] = 0.8 * v[part] + rate * (g[part] + 0.1 * w[part])
            w[part] -= v[part]
        rule.step(g, 0.3)
        np.testing.assert_allclose(params, w, rtol=1e-12)


def test_lars_bears_a_layer_of_zeros():
    rule = LARS(params := np.zeros(2), [slice(0, 2)], mu=0.0)
    rule.step(np.ones(2), 0.1)
    np.testing.assert_allclose(params, [-0.1, -0.1])
    with pytest.raises(ValueError, match="trust"):
        LARS(params, [slice(0, 2)], trust=0)
