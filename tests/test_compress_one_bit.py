"""One bit an element: what the receiver sees, the bytes, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlpar.compress import OneBit, WireError, one_bit_bytes
from dlpar.compress.wire import HEADER
from dlpar.kernels import one_bit as on_gpu

SIZES = (0, 1, 2, 31, 32, 33, 63, 64, 65, 511, 512, 513, 1100)


def normal(n, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).normal(size=n).astype(dtype)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("column", [1, 7, 32, 512])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_element_is_told_as_the_mean_of_its_side_of_its_column(n, column, dtype):
    v = normal(n, dtype)
    code = OneBit(column)
    told = code.decode(code.encode(v))
    assert told.dtype == dtype
    expected = np.empty(n)
    for start in range(0, n, column):
        some = v[start : start + column].astype(np.float64)
        for side in (some >= 0, some < 0):
            if side.any():
                expected[start : start + column][side] = some[side].mean()
    # a float32 sum of at most 512 terms, each below 5: rounding below 512 * 512 * 5 * 2**-24 / 1
    np.testing.assert_allclose(told, expected, rtol=1e-5, atol=1e-6)


@given(lengths=st.lists(st.integers(1, 70), min_size=1, max_size=9), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=40)
def test_columns_of_different_lengths_are_coded_as_if_each_was_alone(lengths, seed):
    v = normal(sum(lengths), seed=seed)
    code = OneBit(lengths)
    told = code.decode(code.encode(v))
    parts = np.split(v, np.cumsum(lengths)[:-1])
    alone = [OneBit(len(p)).decode(OneBit(len(p)).encode(p)) for p in parts]
    np.testing.assert_array_equal(told, np.concatenate(alone))
    with pytest.raises(WireError, match="other lengths"):
        OneBit([*lengths, 1]).decode(code.encode(v))


@pytest.mark.parametrize("n", SIZES)
def test_the_bytes_are_an_eighth_an_element_and_eight_a_column(n):
    for column in (7, 512):
        size = OneBit(column).encode(normal(n)).size
        assert size == one_bit_bytes(n, column) == OneBit(column).nbytes(n)
        assert size == HEADER + 4 * -(-n // 32) + 8 * -(-n // column)


@pytest.mark.parametrize("n", [1, 33, 100])
def test_the_bits_lie_as_the_gpus_warps_pack_them(n):
    v = normal(n)
    words = OneBit().encode(v)[HEADER : HEADER + 4 * -(-n // 32)].view(np.uint32)
    np.testing.assert_array_equal(words, on_gpu.pack(v))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, 3e38])
def test_what_is_not_finite_or_overflows_is_refused(wrong):
    v = normal(100)
    v[40:44] = wrong
    with pytest.raises(ValueError, match="NaN"):
        OneBit().encode(v)


def test_wrong_columns_and_vectors_are_refused():
    for column in (0, -1, [], [3, 0], 2.5):
        with pytest.raises(ValueError, match="column"):
            OneBit(column)
    with pytest.raises(ValueError, match="the vector has 4"):
        OneBit([1, 2]).encode(normal(4))
    with pytest.raises(ValueError, match="vector"):
        OneBit().encode(normal(4).reshape(2, 2))
    with pytest.raises(TypeError, match="float32 or float64"):
        OneBit().encode(np.arange(3))


def test_minus_zero_is_on_the_side_of_zero_and_the_vector_stays_as_it_is():
    v = np.array([-0.0, 0.0, -1.0], np.float32)
    before = v.copy()
    np.testing.assert_array_equal(OneBit().decode(OneBit().encode(v)), [0, 0, -1])
    np.testing.assert_array_equal(v, before)
