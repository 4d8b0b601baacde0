"""Numbers of few bits: rounding as NumPy and PyTorch round, and training that bears it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlpar.data import digits
from dlpar.nn import mlp, softmax_cross_entropy
from dlpar.nn.formats import (
    BF16,
    FORMATS,
    FP8_E4M3,
    FP8_E5M2,
    FP16,
    FP32,
    gaps,
    rounded,
    rounded_stochastically,
)
from dlpar.nn.rounding import Rounding, rounded_mlp
from dlpar.optim.mixed_precision import LossScaler, MixedPrecision

torch = pytest.importorskip("torch", reason="PyTorch, the oracle, comes with the extra `peers`")

TORCH = {
    FP16: torch.float16,
    BF16: torch.bfloat16,
    FP8_E5M2: torch.float8_e5m2,
    FP8_E4M3: torch.float8_e4m3fn,
}
each_format = pytest.mark.parametrize("form", TORCH, ids=lambda form: form.name)
POSITIONS = 2**22  # of which a mean is taken: 16 images of 512 x 512


def everywhere(rng, n):
    """Return float32 numbers of all magnitudes, the middles between neighbours among them."""
    x = np.ldexp(rng.uniform(1, 2, n), rng.integers(-45, 18, n)).astype(np.float32)
    x[::2] = np.ldexp(rng.integers(1, 64, x[::2].size) / 16, rng.integers(-30, 18, x[::2].size))
    return np.concatenate([x, -x, np.float32([0, -0.0, np.inf, -np.inf, np.nan])])


@each_format
def test_rounded_is_what_pytorch_stores(form):
    x = everywhere(np.random.default_rng(0), 4000)
    if form is FP8_E4M3:
        x = x[np.abs(x) <= form.largest]  # PyTorch saturates from there on
    want = torch.from_numpy(x).to(TORCH[form]).to(torch.float32).numpy()
    got = rounded(x, form)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(np.signbit(got[:-1]), np.signbit(want[:-1]))  # NaN: either


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_what_is_too_large_becomes_infinity_or_nan(form):
    gap = gaps(form.largest, form)
    at = np.array([form.largest, form.largest + 0.49 * gap, form.largest + 0.51 * gap, np.inf])
    beyond = np.inf if form.infinities else np.nan
    np.testing.assert_array_equal(rounded(-at, form), [-form.largest] * 2 + [-beyond] * 2)


def test_every_number_of_a_format_stays_as_it_is():
    for form in (FP16, FP8_E4M3, FP8_E5M2):
        numbers = form.numbers(4.0)
        np.testing.assert_array_equal(rounded(numbers, form), numbers)
    x = np.random.default_rng(1).normal(size=99).astype(np.float32)
    np.testing.assert_array_equal(rounded(x, FP32), x)


@given(x=st.floats(-3, 3, width=32), seed=st.integers(0, 99))
def test_stochastic_rounding_gives_one_of_the_two_neighbours(x, seed):
    got = rounded_stochastically(np.full(8, x), FP8_E4M3, np.random.default_rng(seed))
    numbers = FP8_E4M3.numbers(4.0)
    numbers = np.concatenate([-numbers, numbers])
    allowed = {numbers[numbers <= x].max(), numbers[numbers >= x].min()}
    assert set(got) <= allowed


def test_stochastic_rounding_is_right_on_average():
    x, n = 1.0 + 2.0**-12, 200_000  # the gap of bf16 at 1 is 2^-7: up once in 32 times
    got = rounded_stochastically(np.full(n, x), BF16, np.random.default_rng(2))
    deviation = 2.0**-7 * np.sqrt(31 / 32 / 32 / n)
    assert abs(got.mean() - x) < 4 * deviation
    assert rounded(np.float64(x), BF16) == 1


def test_the_scale_is_halved_at_once_and_doubled_after_an_interval():
    scaler = LossScaler(8, interval=3)
    seen = []
    for finite in (True, True, False, True, True, True, True, False):
        scaler.update(finite)
        seen.append(scaler.scale)
    assert seen == [8, 8, 4, 4, 4, 8, 8, 4]
    for bad in ((0, 1), (float("inf"), 1), (1, 0)):
        with pytest.raises(ValueError, match="scale must be"):
            LossScaler(*bad)


def test_a_rounding_layer_rounds_both_ways():
    layer, x = Rounding(FP16), np.float32([1 + 2**-12, 1e-9, 1e6])
    for y in (layer.forward(x), layer.backward(x)):
        np.testing.assert_array_equal(y, np.float32([1, 0, np.inf]))


def mean_over_positions(scores, y):
    loss, slope = softmax_cross_entropy(scores, y)
    return loss, slope * np.float32(len(y) / POSITIONS)


def trained(form, steps, lr, loss=softmax_cross_entropy, **how):
    data, b = digits(np.random.default_rng(0)), 256
    model = rounded_mlp((64, 32, 10), np.random.default_rng(1), form, loss)
    trainer = MixedPrecision(model, form, **how)
    for s in range(steps):
        batch = np.arange(s * b, s * b + b) % len(data.x)
        loss_then = trainer.step(data.x[batch], data.y[batch], lr)
    return trainer, loss_then


def test_fp32_with_all_its_bits_is_plain_descent():
    data = digits(np.random.default_rng(0))
    ours, _ = trained(FP32, 5, 0.1, scaler=LossScaler(2.0**10))
    plain = mlp((64, 32, 10), np.random.default_rng(1))
    for s in range(5):
        batch = np.arange(s * 256, s * 256 + 256) % len(data.x)
        plain.loss_and_grad(data.x[batch], data.y[batch])
        plain.params -= np.float32(0.1) * plain.grads
    np.testing.assert_allclose(ours.weights, plain.params, rtol=1e-5, atol=1e-7)


def test_small_gradients_need_a_scale():
    lr = 0.1 * POSITIONS / 256
    _, plain = trained(FP16, 160, lr, mean_over_positions)
    _, scaled = trained(FP16, 160, lr, mean_over_positions, scaler=LossScaler(2.0**12))
    assert scaled < 0.5 < 1.5 < plain


def test_a_scale_that_is_too_large_finds_its_way_and_skips_those_steps():
    lr = 0.1 * POSITIONS / 256
    trainer, loss = trained(FP16, 160, lr, mean_over_positions, scaler=LossScaler(2.0**40))
    assert trainer.skipped > 3
    assert trainer.scaler.scale == 2.0 ** (40 - trainer.skipped)
    assert loss < 0.6
    assert np.isfinite(trainer.weights).all()


def test_small_updates_need_a_master_copy_or_luck():
    kept = {"master": {}, "none": {"master": False}}
    kept["stochastic"] = {"master": False, "rng": np.random.default_rng(3)}
    loss = {name: trained(BF16, 200, 0.01, **how)[1] for name, how in kept.items()}
    assert loss["master"] < loss["none"] - 0.1
    assert abs(loss["stochastic"] - loss["master"]) < 0.02
