import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import blas as scipys

from dlpar.gpu import cuda, profile
from dlpar.kernels import blas
from dlpar.kernels.blas import level2, level3

few = settings(deadline=None, max_examples=25)
sizes = st.integers(0, 40) | st.sampled_from([1, 127, 128, 129, 1000, 9000])
steps = st.integers(-3, 3).filter(bool)
sides = st.integers(0, 20) | st.sampled_from([1, 15, 16, 17, 33])
NAN = np.float32(np.nan)


def whole(*shape, seed=0):
    """Small whole numbers: float32 adds and multiplies them without rounding."""
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(np.float32)


def memory_of(n, inc, seed=0):
    """Memory for a vector of n elements `inc` apart, and two more that nobody may touch."""
    return whole(max(1, 1 + (n - 1) * abs(inc)) + 2, seed=seed)


def elements(x, n, inc):
    """The vector in `x`, as BLAS reads it."""
    part = x[: 1 + (n - 1) * abs(inc) : abs(inc)] if n > 0 else x[:0]
    return part if inc > 0 else part[::-1]


# Level 1


@few
@given(n=sizes, incx=steps, incy=steps)
def test_vectors_as_scipys_blas(n, incx, incy):
    x, y = memory_of(n, incx, seed=1), memory_of(n, incy, seed=2)
    if n == 0:  # SciPy refuses it; the standard returns at once
        np.testing.assert_array_equal(blas.axpy(0, 3, x, incx, y.copy(), incy), y)
        assert (blas.dot(0, x, incx, y, incy), blas.nrm2(0, x, 1), blas.iamax(0, x, 1)) == (0, 0, 0)
        return
    want = scipys.saxpy(x, y.copy(), n=n, a=3, incx=incx, incy=incy)
    np.testing.assert_array_equal(blas.axpy(n, 3, x, incx, y.copy(), incy), want)
    exact = int(elements(x, n, incx).astype(int) @ elements(y, n, incy).astype(int))
    assert blas.dot(n, x, incx, y, incy) == exact
    want = scipys.sscal(2, x.copy(), n=n, incx=abs(incx))
    np.testing.assert_array_equal(blas.scal(n, 2, x.copy(), abs(incx)), want)
    part = elements(x, n, abs(incx)).astype(int)
    assert blas.nrm2(n, x, abs(incx)) == pytest.approx(np.sqrt(part @ part), rel=1e-15)
    assert blas.iamax(n, x, abs(incx)) == scipys.isamax(x, n=n, incx=abs(incx)) + 1


def test_a_negative_or_zero_increment_ends_scal_nrm2_and_iamax_at_once():
    x = whole(5)
    for inc in (0, -1):
        np.testing.assert_array_equal(blas.scal(5, 2, x.copy(), inc), x)
        assert (blas.nrm2(5, x, inc), blas.iamax(5, x, inc)) == (0, 0)


def test_the_largest_is_the_first_of_equals_by_magnitude_and_counted_from_1():
    x = np.zeros(5000, np.float32)
    x[[700, 4000]] = -7, 7
    assert blas.iamax(5000, x, 1) == 701
    assert blas.iamax(1, np.zeros(1, np.float32), 1) == 1
    assert blas.iamax(3, np.array([NAN, 1, 2], np.float32), 1) == 3
    assert blas.iamax(2, np.array([NAN, NAN]), 1) == 1


def test_a_norm_neither_overflows_nor_vanishes():
    for size in (3e38, 1e-40):
        x = np.full(4, size, np.float32)
        assert blas.nrm2(4, x, 1) == pytest.approx(2 * float(x[0]), rel=1e-15)


def test_vectors_on_the_device_are_changed_there():
    x, y = whole(10, seed=1), whole(10, seed=2)
    on_device = cuda.to_device(y)
    assert blas.axpy(10, 2, cuda.to_device(x), 1, on_device, 1) is on_device
    np.testing.assert_array_equal(on_device.copy_to_host(), 2 * x + y)


# Levels 2 and 3


def matrix(rows, columns, ld, seed):
    """Memory of a column-major matrix, NaN where none of its elements lies; and the matrix."""
    a = whole(rows, columns, seed=seed)
    flat = np.full(max(1, ld * columns), NAN)
    for j in range(columns):
        flat[j * ld : j * ld + rows] = a[:, j]
    return flat, a


@few
@given(
    trans=st.sampled_from("NTCntc"), m=sides, n=sides, more=st.integers(0, 3), incx=steps,
    incy=steps, alpha=st.integers(-2, 2), beta=st.integers(-2, 2),
)  # fmt: skip
def test_gemv_as_scipys_blas(trans, m, n, more, incx, incy, alpha, beta):
    flat, a = matrix(m, n, lda := max(1, m) + more, seed=1)
    of_x, of_y = (n, m) if trans in "Nn" else (m, n)
    x, y = memory_of(of_x, incx, seed=2), memory_of(of_y, incy, seed=3)
    want = y.copy()
    if m and n:  # SciPy refuses empty ones; the standard returns at once
        turned = trans not in "Nn"
        want = scipys.sgemv(alpha, a, x, beta, want, incx=incx, incy=incy, trans=turned)
    got = blas.gemv(trans, m, n, alpha, flat, lda, x, incx, beta, y, incy)
    np.testing.assert_array_equal(got, want)


@few
@given(
    transa=st.sampled_from("NTC"), transb=st.sampled_from("NTC"), m=sides, n=sides, k=sides,
    more=st.tuples(*[st.integers(0, 3)] * 3), alpha=st.integers(-2, 2), beta=st.integers(-2, 2),
)  # fmt: skip
def test_gemm_as_scipys_blas(transa, transb, m, n, k, more, alpha, beta):
    shapes = (m, k) if transa == "N" else (k, m), (k, n) if transb == "N" else (n, k), (m, n)
    leading = [max(1, rows) + extra for (rows, _), extra in zip(shapes, more, strict=True)]
    (fa, a), (fb, b), (fc, c) = (
        matrix(*shape, ld, seed) for shape, ld, seed in zip(shapes, leading, (1, 2, 3), strict=True)
    )
    got = blas.gemm(transa, transb, m, n, k, alpha, fa, leading[0], fb, leading[1], beta, fc,
                    leading[2])  # fmt: skip
    want = beta * c
    if m and n and k:
        want = scipys.sgemm(alpha, a, b, beta, c, trans_a=transa != "N", trans_b=transb != "N")
    found = np.lib.stride_tricks.as_strided(got, (m, n), (4, 4 * leading[2])) if c.size else c
    np.testing.assert_array_equal(found, want)
    assert np.isnan(got).sum() == got.size - c.size  # what lies between the columns is as it was


def test_with_beta_0_nan_in_the_result_does_not_spread():
    a, x = whole(3, 3), whole(3)
    for trans, op in (("N", a), ("T", a.T)):
        y = np.full(3, NAN)
        np.testing.assert_array_equal(
            blas.gemv(trans, 3, 3, 1, np.asfortranarray(a), 3, x, 1, 0, y, 1), op @ x
        )
        c = np.full((3, 3), NAN, order="F")
        blas.gemm(trans, "N", 3, 3, 3, 1, np.asfortranarray(a), 3, np.asfortranarray(a), 3, 0, c, 3)
        np.testing.assert_array_equal(c, op @ a)
        assert np.isnan(blas.gemv(trans, 3, 3, 1, np.asfortranarray(a), 3, x, 1, 1,
                                  np.full(3, NAN), 1)).all()  # fmt: skip


def test_with_beta_0_the_result_is_not_read():
    n, one, zero = 16, np.float32(1), np.float32(0)
    flat, x, y = (cuda.to_device(whole(size)) for size in (n * n, n, n))
    c = cuda.to_device(whole(n * n))
    loads = [
        profile(level3.gemm_kernel[1, (16, 16)], n, n, n, one, flat, 1, n, flat, 1, n, beta, c, n)
        for beta in (zero, one)
    ]
    assert loads[1].global_load_requests - loads[0].global_load_requests == n * n // 32
    loads = [
        profile(level2.gemv_kernel[1, 32], n, n, one, flat, n, x, 1, beta, y, 1)
        for beta in (zero, one)
    ]
    assert loads[1].global_load_requests - loads[0].global_load_requests == 1


def test_with_alpha_0_nan_in_the_operands_does_not_spread():
    nans, c = np.full((2, 2), NAN), np.ones((2, 2), np.float32, order="F")
    blas.gemm("N", "N", 2, 2, 2, 0, np.asfortranarray(nans), 2, np.asfortranarray(nans), 2, 3, c, 2)
    np.testing.assert_array_equal(c, 3 * np.ones((2, 2)))
    for trans in "NT":
        y = np.ones(2, np.float32)
        blas.gemv(trans, 2, 2, 0, np.asfortranarray(nans), 2, np.full(2, NAN), 1, 3, y, 1)
        np.testing.assert_array_equal(y, [3, 3])


# Wrong arguments, as XERBLA names them

GEMV = dict(trans="N", m=3, n=2, alpha=1, a=whole(6), lda=3, x=whole(2), incx=1, beta=1,
            y=whole(3), incy=1)  # fmt: skip
GEMM = dict(transa="N", transb="N", m=3, n=2, k=4, alpha=1, a=whole(12), lda=3, b=whole(8), ldb=4,
            beta=1, c=whole(6), ldc=3)  # fmt: skip


@pytest.mark.parametrize(
    ("number", "wrong"),
    [(1, dict(trans="X")), (2, dict(m=-1)), (3, dict(n=-1)), (5, dict(a=whole(5))),
     (6, dict(lda=2)), (7, dict(x=whole(1))), (8, dict(incx=0)), (10, dict(y=whole(2))),
     (10, dict(y=np.ones(3))), (11, dict(incy=0)), (5, dict(a=np.ones((3, 2), np.float32)))],
)  # fmt: skip
def test_gemv_names_the_wrong_parameter(number, wrong):
    (name,) = wrong
    message = rf"On entry to SGEMV parameter number {number} \({name}\) had an illegal value"
    with pytest.raises(ValueError, match=message):
        blas.gemv(**{**GEMV, **wrong})


@pytest.mark.parametrize(
    ("number", "wrong"),
    [(1, dict(transa="X")), (2, dict(transb=1)), (3, dict(m=-1)), (4, dict(n=-1)), (5, dict(k=-1)),
     (7, dict(a=whole(11))), (8, dict(lda=2)), (9, dict(b=whole(7))), (10, dict(ldb=3)),
     (12, dict(c=whole(5))), (13, dict(ldc=2))],
)  # fmt: skip
def test_gemm_names_the_wrong_parameter(number, wrong):
    (name,) = wrong
    message = rf"On entry to SGEMM parameter number {number} \({name}\) had an illegal value"
    with pytest.raises(ValueError, match=message):
        blas.gemm(**{**GEMM, **wrong})


def test_the_first_wrong_parameter_is_named():
    with pytest.raises(ValueError, match=r"number 3 \(m\)"):
        blas.gemm(**{**GEMM, "m": -1, "n": -1, "ldc": 0})


def test_vectors_that_are_too_short_or_do_not_move_are_named():
    with pytest.raises(ValueError, match=r"SAXPY parameter number 3 \(x\).*reaches 5"):
        blas.axpy(3, 1, whole(4), 2, whole(3), 1)
    with pytest.raises(ValueError, match=r"SAXPY parameter number 6 \(incy\)"):
        blas.axpy(3, 1, whole(3), 1, whole(3), 0)
    with pytest.raises(ValueError, match=r"SDOT parameter number 4 \(y\)"):
        blas.dot(3, whole(3), 1, whole(2), 1)


def test_wrong_arguments_change_nothing():
    for wrong, trans in itertools.product((dict(lda=2), dict(incx=0)), "NT"):
        y = whole(3)
        with pytest.raises(ValueError, match="SGEMV"):
            blas.gemv(**{**GEMV, "trans": trans, **wrong, "y": y})
        np.testing.assert_array_equal(y, whole(3))
