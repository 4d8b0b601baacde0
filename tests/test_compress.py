"""Every code: sizes, bytes, what it is on average, how much it may lose, and what it refuses."""

import math

import numpy as np
import pytest

from dlpar import compress as c
from dlpar.nn.formats import BF16, FP8_E4M3, FP8_E5M2, FP16, rounded


def dice(seed=0):
    return np.random.default_rng(seed)


CODES = {
    "one_bit": (lambda: c.OneBit(16), lambda n: c.one_bit_bytes(n, 16)),
    "sign": (lambda: c.Sign(), lambda n: c.sign_bytes(n)),
    "bare sign": (lambda: c.Sign(scaled=False), lambda n: c.sign_bytes(n, scaled=False)),
    "ternary": (lambda: c.Ternary(dice()), lambda n: c.ternary_bytes(n)),
    "qsgd": (lambda: c.QSGD(4, dice()), lambda n: c.qsgd_bytes(n, 4)),
    "top_k": (lambda: c.TopK(0.1), lambda n: c.top_k_bytes(n, 0.1)),
    "random_k": (lambda: c.RandomK(0.1, dice()), lambda n: c.random_k_bytes(n, 0.1)),
    "bf16": (lambda: c.Half(BF16), lambda n: c.half_bytes(n)),
    "fp16": (lambda: c.Half(FP16), lambda n: c.half_bytes(n)),
    "e4m3": (lambda: c.FP8(FP8_E4M3, 32), lambda n: c.fp8_bytes(n, 32)),
    "e5m2": (lambda: c.FP8(FP8_E5M2, 32), lambda n: c.fp8_bytes(n, 32)),
}
SIZES = (0, 1, 2, 5, 31, 32, 33, 100, 129)


def told(code, v):
    return code.decode(code.encode(v))


@pytest.mark.parametrize("name", CODES)
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_size_comes_back_with_its_dtype_and_zeros_tell_no_more_than_zeros(name, n, dtype):
    code = CODES[name][0]()
    v = dice(1).normal(size=n).astype(dtype)
    before = v.copy()
    got = told(code, v)
    assert (got.shape, got.dtype) == (v.shape, v.dtype)
    np.testing.assert_array_equal(v, before)
    if name != "bare sign":
        np.testing.assert_array_equal(told(code, np.zeros(n, dtype)), np.zeros(n))


@pytest.mark.parametrize("name", CODES)
@pytest.mark.parametrize("n", SIZES)
def test_the_bytes_are_the_formulas(name, n):
    make, formula = CODES[name]
    size = make().encode(dice(1).normal(size=n).astype(np.float32)).size
    assert size == formula(n) == make().nbytes(n)


def test_the_formulas_by_hand():
    """For 1,000,000 elements, without the headers' 32 bytes."""
    n = 10**6
    assert c.one_bit_bytes(n, 1000) - 32 == n // 8 + 1000 * 8
    assert c.sign_bytes(n) - 32 == n // 8 + 4
    assert c.ternary_bytes(n) - 32 == n // 4 + 4
    assert c.qsgd_bytes(n, 15) - 32 == 5 * n // 8 + 4  # a sign and four bits
    assert c.top_k_bytes(n, 0.01) - 32 == 10_000 * 8
    assert c.random_k_bytes(n, 0.01) - 32 == 10_000 * 4
    assert c.half_bytes(n) - 32 == 2 * n
    assert c.fp8_bytes(n, 100) - 32 == n + 10_000


@pytest.mark.parametrize("name", CODES)
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused_or_carried_by_16_bits(name, wrong):
    v = dice(1).normal(size=40).astype(np.float32)
    v[7] = wrong
    code = CODES[name][0]()
    if name in ("bf16", "fp16"):
        np.testing.assert_array_equal(told(code, v)[7], wrong)
        assert np.isfinite(np.delete(told(code, v), 7)).all()
    else:
        with pytest.raises(ValueError, match="NaN"):
            code.encode(v)


@pytest.mark.parametrize("form", [BF16, FP16])
def test_16_bits_are_the_formats_own_rounding(form):
    v = dice(1).normal(size=4000).astype(np.float32) * np.float32(2.0) ** dice(2).integers(-30, 12)
    v = np.concatenate([v, rounded(v, form) * np.float32(1 + form.epsilon / 2)])  # ties
    np.testing.assert_array_equal(told(c.Half(form), v), rounded(v, form))
    with pytest.raises(ValueError, match="beyond"):
        c.Half(form).encode(np.array([3.4e38], np.float32))


@pytest.mark.parametrize("form", [FP8_E4M3, FP8_E5M2])
@pytest.mark.parametrize("scale", [1e-30, 1.0, 448.0, 1e30])
def test_fp8_is_off_by_half_a_gap_of_numbers_near_the_largest(form, scale):
    v = (dice(1).uniform(0.01, 1, 300) * dice(2).choice([-1, 1], 300) * scale).astype(np.float32)
    v[::32] = scale
    off = np.abs(told(c.FP8(form, 32), v) - v) / np.abs(v)
    assert off.max() <= form.epsilon / 2 * (1 + 1e-6)
    assert off.max() > form.epsilon / 4


def sampled_mean(make, v, draws):
    code = make()
    return np.mean([told(code, v) for _ in range(draws)], axis=0)


@pytest.mark.parametrize(
    ("make", "reach"),
    [
        (lambda: c.Ternary(dice(5)), lambda v: 2 * np.abs(v).max()),
        (lambda: c.QSGD(1, dice(5)), lambda v: 2 * np.linalg.norm(v)),
        (lambda: c.QSGD(4, dice(5)), lambda v: np.linalg.norm(v) / 4),
        (lambda: c.RandomK(0.25, dice(5), unbiased=True), lambda v: 4 * np.abs(v).max()),
    ],
)
def test_unbiased_codes_are_unbiased(make, reach):
    """Hoeffding: m draws from an interval of length L have a mean within t of their expectation,
    but for a probability of 2 exp(-2 m t**2 / L**2). With t from 1e-9 / n, and the union over n
    entries, a code that is unbiased fails here once in 1e9; the dice are fixed besides."""
    v = dice(1).normal(size=24)
    m = 4000
    t = reach(v) * math.sqrt(math.log(2 * v.size / 1e-9) / (2 * m))
    assert np.abs(sampled_mean(make, v, m) - v).max() <= t


def test_ternary_is_unbiased_to_a_fiftieth_of_its_scale():
    """As above; here one vector holds 50,000 copies, so that many draws cost four messages."""
    v, m = dice(1).normal(size=24), 200_000
    code, copies = c.Ternary(dice(6)), np.tile(v, 50_000)
    mean = np.mean([told(code, copies).reshape(-1, 24).mean(axis=0) for _ in range(4)], axis=0)
    t = 2 * np.abs(v).max() * math.sqrt(math.log(2 * v.size / 1e-9) / (2 * m))
    assert np.abs(mean - v).max() <= t < np.abs(v).max() / 50


def test_the_test_of_bias_sees_a_code_that_rounds_down():
    v = dice(1).normal(size=24)
    t = np.linalg.norm(v) / 4 * math.sqrt(math.log(2 * v.size / 1e-9) / 8000)
    norm = np.linalg.norm(v)
    down = np.sign(v) * np.floor(np.abs(v) / norm * 4) * norm / 4
    assert np.abs(down - v).max() > t


@pytest.mark.parametrize(("n", "levels"), [(256, 1), (256, 4), (256, 16), (1, 3), (9, 8)])
def test_qsgds_variance_stays_below_its_bound(n, levels):
    """E||told - v||**2 is known exactly: sum of (norm/s)**2 f (1 - f), f the fraction above."""
    v = dice(3).normal(size=n)
    norm = float(np.linalg.norm(v))
    f = np.abs(v) / norm * levels % 1
    exact = (norm / levels) ** 2 * (f * (1 - f)).sum() / norm**2
    bound = min(n / levels**2, math.sqrt(n) / levels)
    assert exact <= bound
    code = c.QSGD(levels, dice(4))
    errors = [((told(code, v) - v) ** 2).sum() / norm**2 for _ in range(400)]
    spread = np.std(errors) / math.sqrt(400)
    assert abs(np.mean(errors) - exact) <= 6 * spread + 1e-6


def test_ternarys_and_random_ks_variance_are_what_they_say():
    v = dice(3).normal(size=64)
    cases = [
        (c.Ternary(dice(4)), (np.abs(v) * (np.abs(v).max() - np.abs(v))).sum()),
        (c.RandomK(0.25, dice(4), unbiased=True), 3 * (v**2).sum()),
        (c.RandomK(0.25, dice(4)), 0.75 * (v**2).sum()),
    ]
    for code, expected in cases:
        errors = [((told(code, v) - v) ** 2).sum() for _ in range(2000)]
        assert abs(np.mean(errors) - expected) <= 6 * np.std(errors) / math.sqrt(2000)


@pytest.mark.parametrize("n", [1, 10, 33, 500])
@pytest.mark.parametrize("seed", range(4))
def test_contractions_contract(n, seed):
    v = dice(seed).standard_t(2, size=n)
    size = (v**2).sum()

    def lost(code):
        return ((told(code, v) - v) ** 2).sum() / size

    for share in (0.01, 0.1, 0.5, 1.0):
        k = min(n, max(1, round(share * n)))
        assert lost(c.TopK(share)) <= 1 - k / n + 1e-12
        assert lost(c.RandomK(share, dice())) <= 1
    assert lost(c.Sign()) <= 1 - np.abs(v).sum() ** 2 / n / size + 1e-6  # float32 scale
    assert lost(c.OneBit(16)) <= lost(c.OneBit(512)) + 1e-6 <= lost(c.Sign()) + 2e-6
    assert lost(c.FP8()) < 0.005


def test_top_k_takes_the_largest_and_of_equals_the_first():
    v = np.array([1, -3, 2, 3, -1, 2, 2], float)
    np.testing.assert_array_equal(told(c.TopK(4 / 7), v), [0, -3, 2, 3, 0, 2, 0])
    v = dice().integers(-3, 4, 200).astype(float)
    order = np.argsort(-np.abs(v), kind="stable")[:50]
    expected = np.zeros(200)
    expected[order] = v[order]
    np.testing.assert_array_equal(told(c.TopK(0.25), v), expected)


def test_wrong_settings_are_refused():
    for make in (
        lambda: c.TopK(0),
        lambda: c.TopK(1.1),
        lambda: c.QSGD(0, dice()),
        lambda: c.Half(FP8_E4M3),
        lambda: c.FP8(BF16),
        lambda: c.FP8(FP8_E4M3, 0),
        lambda: c.DGC(0.1, mu=1.0),
        lambda: c.PowerSGD([(3, 3)], 0, dice()),
        lambda: c.OneBitAdam(np.zeros(3), warm_up=0),
    ):
        with pytest.raises(ValueError, match="got"):
            make()
