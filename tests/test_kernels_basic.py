import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlpar.gpu import cuda
from dlpar.kernels import matmul, reduce, transpose

few = settings(deadline=None, max_examples=12)


def whole_numbers(shape, seed=0):
    """Small ones: float32 adds them without rounding, so that any order gives the same sum."""
    return np.random.default_rng(seed).integers(-9, 10, shape).astype(np.float32)


def edges(most):
    """Sizes around the multiples of a block's side, where an index goes wrong first."""
    return st.integers(0, most) | st.sampled_from([0, 1, 15, 16, 17, 31, 32, 33])


# Sums


@pytest.mark.parametrize("kernel", reduce.ELEMENTS, ids=lambda kernel: kernel.__name__)
@pytest.mark.parametrize("n", [0, 1, 2, 31, 127, 128, 129, 255, 256, 257, 1000, 20_001])
def test_every_sum_is_the_sum(kernel, n):
    x = whole_numbers(n, seed=n)
    assert reduce.gpu_sum(x, kernel) == x.sum()


def test_a_sum_of_an_array_on_the_device_is_the_same():
    x = whole_numbers(300)
    assert reduce.gpu_sum(cuda.to_device(x)) == x.sum()


def test_a_sum_needs_one_dimension_of_float32_and_a_kernel_that_sums():
    with pytest.raises(ValueError, match="x must have 1 dimensions"):
        reduce.gpu_sum(np.ones((2, 2), np.float32))
    with pytest.raises(ValueError, match="x must be float32"):
        reduce.gpu_sum(np.ones(2))
    with pytest.raises(ValueError, match="needs a kernel of"):
        reduce.gpu_sum(np.ones(2, np.float32), matmul.matmul_naive)


# Transposes

TRANSPOSES = (transpose.transpose_naive, transpose.transpose_tiled, transpose.transpose_padded)


@pytest.mark.parametrize("kernel", TRANSPOSES, ids=lambda kernel: kernel.__name__)
@few
@given(m=edges(70), n=edges(70))
def test_every_transpose_is_the_transpose(kernel, m, n):
    x = np.arange(m * n, dtype=np.float32).reshape(m, n)
    np.testing.assert_array_equal(transpose.transpose(x, kernel), x.T, strict=True)


def test_a_transpose_on_the_device_stays_there():
    x = whole_numbers((3, 5))
    out = transpose.transpose(cuda.to_device(x))
    assert cuda.is_cuda_array(out)
    np.testing.assert_array_equal(out.copy_to_host(), x.T)


# Matrix products

PRODUCTS = (matmul.matmul_naive, matmul.matmul_tiled, matmul.matmul_registers)


@pytest.mark.parametrize("kernel", PRODUCTS, ids=lambda kernel: kernel.__name__)
@few
@given(m=edges(40), k=edges(40), n=edges(40))
def test_every_product_is_the_product(kernel, m, k, n):
    a, b = whole_numbers((m, k), seed=1), whole_numbers((k, n), seed=2)
    np.testing.assert_array_equal(matmul.matmul(a, b, kernel), a @ b, strict=True)


@pytest.mark.parametrize("tile", [1, 2, 5, 32])
def test_a_tiled_product_may_have_any_tile(tile):
    a, b = whole_numbers((33, 20), seed=1), whole_numbers((20, 17), seed=2)
    np.testing.assert_array_equal(matmul.matmul(a, b, matmul.make_tiled(tile), tile), a @ b)


def test_a_product_refuses_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"a has 3 columns, b 2 rows"):
        matmul.matmul(np.ones((2, 3), np.float32), np.ones((2, 3), np.float32))
