"""The compiled loops of one bit find what the NumPy formulation finds, to the last bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlpar.compress import WireError, fast_one_bit
from dlpar.compress import one_bit as code_module
from dlpar.compress.bits import pack_bits, words_for
from dlpar.compress.fast_one_bit import AT_ONCE, decode_add, encode
from dlpar.compress.one_bit import LANES, OneBit, column_lengths, column_means
from dlpar.gpu.ptx import compile_ptx
from dlpar.kernels import one_bit

UNIT = AT_ONCE * LANES
few = settings(deadline=None, max_examples=60)
seeds = st.integers(0, 2**32 - 1)
SPECIAL = np.array([0.0, -0.0, 1e-45, -1e-45, 3e35, -3e35, 1.5], np.float32)


def vectors(seed, n):
    """Return a gradient and a residual, with zeros of both signs, denormals and large numbers."""
    rng = np.random.default_rng(seed)
    g, r = rng.standard_normal((2, n)).astype(np.float32)
    at = rng.random(n) < rng.choice([0, 0.1, 1])
    g[at], r[at] = rng.choice(SPECIAL, at.sum()), rng.choice([0.0, -0.0], at.sum())
    return g, r


def by_numpy(g, r, column):
    """Return words, means, what the receiver is told, and the residual."""
    v = g + r
    lengths = column_lengths(v.size, column)
    means = column_means(v, lengths)
    low, high = np.repeat(means, lengths, axis=0).T
    told = np.where(v >= 0, high, low)
    return pack_bits(v >= 0), means, told, v - told


def same_bits(got, want):
    assert got.dtype == want.dtype
    assert got.shape == want.shape
    np.testing.assert_array_equal(got.view(np.uint32), want.view(np.uint32))


def check(g, r, column, threads=1):
    words, means, told, left = by_numpy(g, r, column)
    out = np.full_like(g, np.nan)
    found = encode(g, r, column, out, threads)
    for got, want in zip((*found, out), (words, means, left), strict=True):
        same_bits(got, want)
    total = g.copy()
    decode_add(*found, column, total, threads)
    same_bits(total, g + told)


@pytest.mark.parametrize("column", [1, 31, 32, 33, 100, UNIT, UNIT + LANES + 5])
@pytest.mark.parametrize(
    "n", [0, 1, 31, 32, 33, 63, 64, 65, UNIT - 1, UNIT, UNIT + 1, 3 * UNIT + 7]
)
def test_it_is_the_numpy_formulation_to_the_bit_at_every_edge(n, column):
    check(*vectors(n, n), column)


@few
@given(n=st.integers(0, 2000), column=st.integers(1, 700), threads=st.integers(1, 3), seed=seeds)
def test_it_is_the_numpy_formulation_to_the_bit(n, column, threads, seed):
    check(*vectors(seed, n), column, threads)


@few
@given(column=st.lists(st.integers(1, 400), min_size=1, max_size=9), seed=seeds)
def test_columns_may_be_ragged(column, seed):
    check(*vectors(seed, sum(column)), np.array(column), threads=2)


def test_many_columns_are_shared_by_threads():
    g, r = vectors(3, 100 * 999)
    check(g, r, 999, threads=2)
    check(g, r, 4096, threads=4)


def test_a_column_of_negative_zeros_keeps_their_sign():
    check(np.full(64, -0.0, np.float32), np.full(64, -0.0, np.float32), 64)


def test_the_residual_may_be_overwritten():
    g, r = vectors(1, 1000)
    left = by_numpy(g, r, 300)[3]
    encode(g, r, 300, r)
    same_bits(r, left)


def test_the_words_and_means_are_those_of_the_message():
    g, r = vectors(2, 1000)
    words, means = encode(g, r, 300, np.empty_like(g))
    payload = words.tobytes() + means.tobytes()
    assert bytes(OneBit(300).encode(g + r)).endswith(payload)


@pytest.mark.parametrize("column", [512, np.array([1000, 30_000, 7])])
def test_a_long_vector_takes_the_loops_and_the_message_is_the_same(column, monkeypatch):
    n = 31_007
    g, r = np.random.default_rng(3).standard_normal((2, n)).astype(np.float32)
    code = OneBit(column)
    want = code.tell(g, r)
    total = g.copy()
    code.add(want[0], total)
    used = []
    monkeypatch.setattr(code_module, "COMPILED_FROM", n)
    monkeypatch.setattr(fast_one_bit, "encode", _counted(encode, used))
    monkeypatch.setattr(fast_one_bit, "decode_add", _counted(decode_add, used))
    got = code.tell(g, r)
    assert got[0].tobytes() == want[0].tobytes()
    same_bits(got[1], want[1])
    again = g.copy()
    code.add(got[0], again)
    same_bits(again, total)
    assert len(used) == 2
    damaged = got[0].copy()
    damaged[40] ^= 1
    with pytest.raises(WireError):
        code.add(damaged, again)
    with pytest.raises(WireError, match="elements"):
        code_module.OneBit(512).add(code_module.OneBit(512).encode(g), np.zeros(n + 1, np.float32))


def _counted(function, used):
    def counted(*args):
        used.append(function)
        return function(*args)

    return counted


def test_the_residual_telescopes():
    rng = np.random.default_rng(0)
    given, told, left = np.zeros(500), np.zeros(500), np.zeros(500, np.float32)
    for _ in range(200):
        g = rng.standard_normal(500).astype(np.float32)
        step = np.zeros(500, np.float32)
        decode_add(*encode(g, left, 100, left), 100, step)
        given, told = given + g, told + step
    # Each of v and v - told is rounded once: 2 * 200 roundings of numbers below 64.
    np.testing.assert_allclose(given - told, left, atol=400 * 64 * 2.0**-24)
    assert np.abs(left).max() < 64


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("at", [0, 31, UNIT, 999])
@pytest.mark.parametrize("threads", [1, 2])
def test_what_is_not_finite_is_refused_and_nothing_is_lost(bad, at, threads):
    g, r = vectors(5, 1000)
    g[at] = bad
    kept = r.copy()
    with pytest.raises(ValueError, match="no NaN, no infinity"):
        encode(g, r, 320, np.empty_like(g), threads)
    same_bits(r, kept)


def test_a_sum_that_overflows_is_refused():
    large = np.full(64, 3e38, np.float32)
    for g, r in ((large, large), (large, np.zeros_like(large))):
        with pytest.raises(ValueError, match="no sum that overflows"):
            encode(g, r, 64, np.empty_like(g))


def test_wrong_arrays_are_refused():
    good, words, means = np.ones(64, np.float32), np.zeros(2, np.uint32), np.zeros((2, 2), "f4")
    for wrong in (np.ones(64), np.ones(128, np.float32)[::2], np.ones((2, 32), np.float32)):
        with pytest.raises(ValueError, match=r"must be \(n,\) float32, contiguous"):
            encode(wrong, good, 32, good.copy())
    with pytest.raises(ValueError, match="of one size"):
        encode(good, good[:32], 32, good.copy())
    with pytest.raises(ValueError, match="1 or more elements"):
        encode(good, good, [64, 0], good.copy())
    with pytest.raises(ValueError, match="words must be"):
        decode_add(words[:1], means, 32, good)
    with pytest.raises(ValueError, match="means must be"):
        decode_add(words, means[:1], 32, good)


def test_there_are_as_many_words_as_bits_need():
    g, r = vectors(4, 70)
    words, means = encode(g, r, 7, np.empty_like(g))
    assert words.size == words_for(70) == 3
    assert means.shape == (10, 2)


# The same on the GPU


@settings(deadline=None, max_examples=15)
@given(n=st.integers(0, 700), rows=st.integers(1, 6), seed=seeds)
def test_a_warp_finds_the_same_bits_as_numpy(n, rows, seed):
    g, r = vectors(seed, n)
    words, means, told, left = by_numpy(g, r, 32 * rows)
    found = one_bit.encode(g, r, 32 * rows)
    for got, want in zip(found, (words, means, left), strict=True):
        same_bits(got, want)
    same_bits(one_bit.decode_add(*found[:2], 32 * rows, g), g + told)


def test_a_warp_takes_whole_words_only():
    x = np.ones(64, np.float32)
    words, means, _ = one_bit.encode(x, x, 32)
    with pytest.raises(ValueError, match="multiple of 32"):
        one_bit.encode(x, x, 33)
    with pytest.raises(ValueError, match="residual must have the shape of g"):
        one_bit.encode(x, x[:32], 32)
    with pytest.raises(ValueError, match="words and means must be"):
        one_bit.decode_add(words, means[:1], 32, x)


@pytest.mark.ptx
@pytest.mark.parametrize("cc", [(7, 5), (9, 0)])
def test_a_card_s_sums_are_of_single_precision_too(cc):
    f, words, means = np.zeros(64, np.float32), np.zeros(2, np.uint32), np.zeros((2, 2), "f4")
    compiled = compile_ptx(one_bit.encode_columns, f, f, 32, words, means, f, cc=cc)
    assert "div.rn.f32" in compiled.ptx
    assert ".f64" not in compiled.ptx  # %f64 is a register
    assert compiled.spill_stores == 0
