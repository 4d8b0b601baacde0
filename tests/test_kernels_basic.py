import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlpar.gpu import cuda, profile
from dlpar.gpu.lockstep.errors import OutOfRange
from dlpar.kernels import axpy, histogram, matmul, reduce, scan, stencil, tensor, transpose
from dlpar.kernels import map as maps

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


# Maps, axpy, stencils


@few
@given(n=edges(300))
def test_maps_reach_every_element_and_no_other(n):
    x = whole_numbers(n)
    np.testing.assert_array_equal(maps.plus_ten(x), x + 10, strict=True)
    np.testing.assert_array_equal(axpy.axpy(3, x, x[::-1]), 3 * x + x[::-1], strict=True)
    out = cuda.device_array(n, np.float32)
    maps.add_ten_strided[2, 32](cuda.to_device(x), out)
    np.testing.assert_array_equal(out.copy_to_host(), x + 10)


@few
@given(m=edges(40), n=edges(40))
def test_maps_in_two_dimensions(m, n):
    a, b = whole_numbers(m, seed=1), whole_numbers(n, seed=2)
    pairs = maps.sum_of_pairs(a, b)
    np.testing.assert_array_equal(pairs, a[:, None] + b, strict=True)
    np.testing.assert_array_equal(maps.plus_ten(pairs), pairs + 10, strict=True)


def test_without_a_guard_one_thread_too_many_is_caught():
    x, out = cuda.to_device(whole_numbers(31)), cuda.device_array(31, np.float32)
    maps.add_ten_exact[1, 31](x, out)
    with pytest.raises(OutOfRange, match=r"x\[31\]"):
        maps.add_ten_exact[1, 32](x, out)


def diffused(x, rate):
    inside = (slice(1, -1),) * x.ndim
    around = -2 * x.ndim * x
    for axis in range(x.ndim):
        around = around + np.roll(x, 1, axis) + np.roll(x, -1, axis)
    out = x.copy()
    out[inside] += rate * around[inside]
    return out


@pytest.mark.parametrize("kernel", [stencil.diffuse_naive, stencil.diffuse_shared])
@few
@given(n=edges(300), steps=st.integers(0, 3))
def test_heat_diffuses_along_a_rod(kernel, n, steps):
    expected = x = whole_numbers(n)
    for _ in range(steps):
        expected = diffused(expected, np.float32(0.25))  # a power of two: no rounding
    np.testing.assert_array_equal(stencil.diffuse(x, 0.25, steps, kernel), expected, strict=True)


@few
@given(m=edges(40), n=edges(40))
def test_heat_diffuses_over_a_plate(m, n):
    x = whole_numbers((m, n))
    expected = diffused(diffused(x, np.float32(0.25)), np.float32(0.25))
    np.testing.assert_array_equal(stencil.diffuse(x, 0.25, steps=2), expected, strict=True)


# Scans, histograms


@pytest.mark.parametrize("n", [0, 1, 2, 127, 128, 129, 255, 256, 257, 70_000])
def test_every_scan_is_the_running_sum(n):
    x = whole_numbers(n)
    inclusive = np.cumsum(x)
    np.testing.assert_array_equal(scan.scan(x, scan.scan_hillis_steele), inclusive, strict=True)
    for kernel in (scan.scan_blelloch, scan.scan_blelloch_padded):
        np.testing.assert_array_equal(scan.scan(x, kernel), inclusive - x, strict=True)


@pytest.mark.parametrize("kernel", [histogram.histogram_global, histogram.histogram_shared])
@few
@given(n=st.integers(0, 3000), bins=st.integers(1, 300), low=st.integers(-3, 0))
def test_a_histogram_counts_what_is_inside(kernel, n, bins, low):
    x = np.random.default_rng(n).integers(low, bins + 3, n).astype(np.int32)
    expected = np.bincount(x[(x >= 0) & (x < bins)], minlength=bins)
    np.testing.assert_array_equal(histogram.histogram(x, bins, kernel), expected)


# Tensor cores


@few
@given(m=edges(33), k=edges(33), n=edges(33))
def test_products_of_16_bits_are_summed_in_32(m, k, n):
    a, b = whole_numbers((m, k), 1).astype(np.float16), whole_numbers((k, n), 2).astype(np.float16)
    c = whole_numbers((m, n), 3)
    expected = a.astype(np.float32) @ b.astype(np.float32) + c
    np.testing.assert_array_equal(tensor.mma(a, b, c), expected, strict=True)


def test_a_sum_kept_in_16_bits_stands_still_at_2048():
    k = 2100
    a, b = np.ones((1, k), np.float16), np.ones((k, 1), np.float16)
    assert tensor.mma(a, b, np.zeros((1, 1), np.float32))[0, 0] == k
    halves = tensor.mma(a, b, np.zeros((1, 1), np.float16), tensor.tile_mma_float16)
    assert (halves[0, 0], halves.dtype) == (2048, np.float16)


# What launchers refuse

ONE, TWO = np.ones(4, np.float32), np.ones((4, 4), np.float32)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: maps.plus_ten(np.ones((1, 1, 1), np.float32)), "x must have 1 or 2 dimensions"),
        (lambda: maps.sum_of_pairs(ONE, TWO), "b must have 1"),
        (lambda: axpy.axpy(2, ONE, ONE[:3]), "shape of x"),
        (lambda: stencil.diffuse(ONE.astype(float), 0.1), "x must be float32"),
        (lambda: stencil.diffuse(ONE, 0.1, steps=-1), "0 or more steps"),
        (lambda: scan.scan(TWO), "x must have 1"),
        (lambda: scan.scan(ONE, reduce.sum_shuffle), "needs a kernel of"),
        (lambda: histogram.histogram(ONE, 4), "x must be int32"),
        (lambda: histogram.histogram(ONE.astype(np.int32), 0), "1 to 12,288 bins"),
        (lambda: transpose.transpose(ONE), "x must have 2"),
        (lambda: tensor.mma(TWO, TWO, TWO), "a must be float16"),
        (lambda: tensor.mma(*[np.ones((2, 3), np.float16)] * 2, TWO), "shapes do not fit"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_runs(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# Counts: what each step of a kernel is for


def counted(kernel, blocks, threads, *arrays):
    return profile(kernel[blocks, threads], *map(cuda.to_device, arrays))


def test_a_tree_has_a_barrier_a_level_and_one_for_the_load():
    x, partial = whole_numbers(reduce.THREADS), np.zeros(1, np.float32)
    levels = int(np.log2(reduce.THREADS))
    for kernel, barriers in (
        (reduce.sum_divergent, levels + 1),
        (reduce.sum_conflicting, levels + 1),
        (reduce.sum_sequential, levels + 1),
        (reduce.sum_on_load, levels + 1),
        (reduce.sum_last_warp_unrolled, levels + 1 - 6),  # the last six levels are one warp's
        (reduce.sum_unrolled, levels + 1 - 6),
        (reduce.sum_grid_stride, levels + 1 - 6),
        (reduce.sum_shuffle, 1),
    ):
        assert counted(kernel, 1, reduce.THREADS, x, partial).barriers == barriers, kernel.__name__


def test_of_the_first_three_sums_one_diverges_one_collides_and_one_does_neither():
    x, partial = whole_numbers(reduce.THREADS), np.zeros(1, np.float32)
    first, second, third = (
        counted(kernel, 1, reduce.THREADS, x, partial)
        for kernel in (reduce.sum_divergent, reduce.sum_conflicting, reduce.sum_sequential)
    )
    assert (first.bank_conflicts, third.bank_conflicts) == (0, 0)
    assert second.bank_conflicts > 0
    assert first.lane_efficiency < min(second.lane_efficiency, third.lane_efficiency)


@pytest.mark.parametrize("stride", [1, 2, 4, 8, 16])
def test_a_strided_warp_touches_four_sectors_times_the_stride_up_to_32(stride):
    x, y, out = (np.zeros(32 * stride, np.float32) for _ in range(3))
    report = counted_axpy(x, y, out, stride)
    assert report.global_load_requests == 2
    assert report.global_load_sectors == 2 * min(4 * stride, 32)
    assert report.global_store_sectors == min(4 * stride, 32)


def counted_axpy(x, y, out, stride):
    x, y, out = map(cuda.to_device, (x, y, out))
    return profile(axpy.axpy_strided[1, 32], np.float32(2), x, y, out, stride)


def test_a_column_of_a_tile_is_one_bank_until_it_is_padded():
    n = 2 * transpose.TILE
    warps = (n // transpose.TILE) ** 2 * transpose.TILE  # requests of a warp for a column
    reports = [
        counted(kernel, (2, 2), (transpose.TILE, transpose.ROWS), np.zeros((n, n), np.float32),
                np.zeros((n, n), np.float32))
        for kernel in TRANSPOSES
    ]  # fmt: skip
    naive, tiled, padded = reports
    assert naive.shared_requests == 0
    assert tiled.bank_conflicts == 31 * warps
    assert padded.bank_conflicts == 0
    assert naive.global_store_sectors == 32 * naive.global_store_requests
    for report in (tiled, padded):
        assert report.global_load_sectors == report.global_store_sectors == 4 * warps


def test_a_tile_divides_the_loads_by_its_side():
    n = 2 * matmul.TILE
    square = np.zeros((n, n), np.float32)
    grid, block = (2, 2), (matmul.TILE, matmul.TILE)
    naive = counted(matmul.matmul_naive, grid, block, square, square, square)
    tiled = counted(matmul.matmul_tiled, grid, block, square, square, square)
    assert naive.global_load_requests == 2 * n**3 // 32  # a warp asks for 32 elements at once
    assert tiled.global_load_requests == naive.global_load_requests // matmul.TILE
    assert tiled.barriers == 2 * (n // matmul.TILE)  # two a tile
    assert naive.flops == tiled.flops == 2 * n**3


def test_registers_divide_the_shared_loads_of_a_product():
    n = matmul.BLOCK
    square, tiles = np.zeros((n, n), np.float32), n // matmul.TILE
    tiled = counted(matmul.matmul_tiled, (tiles, tiles), (matmul.TILE,) * 2, square, square, square)
    blocked = counted(matmul.matmul_registers, 1, (matmul.SIDE,) * 2, square, square, square)
    tiled_loads = tiled.line("total += tile_a").shared_requests
    loads = sum(blocked.line(text).shared_requests for text in ("from_a =", "from_b[j] ="))
    assert tiled_loads == 2 * n**3 // 32
    assert loads == tiled_loads // matmul.REGISTERS
    assert blocked.bank_conflicts == 0


def test_a_privatised_histogram_leaves_one_global_atomic_a_bin_and_block():
    x, counts = np.zeros(1024, np.int32), np.zeros(10, np.int32)
    blocks, threads = 2, 128
    everybody = counted(histogram.histogram_global, blocks, threads, x, counts)
    launch = histogram.histogram_shared[blocks, threads, 0, 40]
    private = profile(launch, cuda.to_device(x), cuda.to_device(counts))
    line = private.line("cuda.atomic.add(counts")
    assert everybody.atomic_requests == x.size // 32
    assert line.atomic_requests == blocks  # ten lanes of one warp, in each block
    assert everybody.atomic_replays == 31 * x.size // 32  # all meet at one counter


def test_padding_spares_a_scan_most_of_its_conflicts():
    x, out, totals = np.zeros(256, np.float32), np.zeros(256, np.float32), np.zeros(1, np.float32)
    plain, padded = (
        counted(kernel, 1, scan.THREADS, x, out, totals)
        for kernel in (scan.scan_blelloch, scan.scan_blelloch_padded)
    )
    assert plain.shared_requests == padded.shared_requests
    assert padded.bank_conflicts == 0 < plain.bank_conflicts
    assert plain.barriers == padded.barriers == 2 * 8 + 2  # twice the log of 256 elements
