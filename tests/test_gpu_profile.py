"""What `profile` counts, held against closed forms and against addresses in plain Python sets."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlpar.gpu import checks, cuda, float32, float64, int8, profile
from dlpar.gpu.lockstep.errors import OutOfRange
from dlpar.gpu.patterns import count_conflicts, count_distinct, count_turns

TILE = 32


@cuda.jit
def copy_with_stride(x, out, stride):
    i = cuda.grid(1)
    out[i] = x[i * stride]


@cuda.jit
def copy(x, out):
    i = cuda.grid(1)
    if i < out.size:
        out[i] = x[i]


@cuda.jit
def shifted_copy(x, out):
    i = cuda.grid(1)
    out[i] = x[i + 1]


@cuda.jit
def first_of_all(x, out):
    out[cuda.grid(1)] = x[0]


@cuda.jit
def naive_matmul(a, b, c):
    x, y = cuda.grid(2)
    total = float32(0)
    for k in range(a.shape[1]):
        total += a[y, k] * b[k, x]
    c[y, x] = total


@cuda.jit
def tiled_matmul(a, b, c):
    tile_a = cuda.shared.array((TILE, TILE), float32)
    tile_b = cuda.shared.array((TILE, TILE), float32)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    x, y = cuda.grid(2)
    total = float32(0)
    for t in range(a.shape[1] // TILE):
        tile_a[ty, tx] = a[y, t * TILE + tx]
        tile_b[ty, tx] = b[t * TILE + ty, x]
        cuda.syncthreads()
        for k in range(TILE):
            total += tile_a[ty, k] * tile_b[k, tx]
        cuda.syncthreads()
    c[y, x] = total


@cuda.jit
def block_sum(x, partial):
    cache = cuda.shared.array(1024, float32)
    t, i = cuda.threadIdx.x, cuda.grid(1)
    cache[t] = x[i]
    cuda.syncthreads()
    stride = cuda.blockDim.x // 2
    while stride > 0:
        if t < stride:
            cache[t] += cache[t + stride]
        cuda.syncthreads()
        stride //= 2
    if t == 0:
        partial[cuda.blockIdx.x] = cache[0]


def transpose(columns, dtype):
    """Return a kernel that transposes a 32 x 32 tile held in rows of `columns` elements."""

    @cuda.jit
    def kernel(x, out):
        tile = cuda.shared.array((32, columns), dtype)
        tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
        tile[ty, tx] = x[ty, tx]
        cuda.syncthreads()
        out[ty, tx] = tile[tx, ty]

    return kernel


def zeros(*shape, dtype=np.float32):
    return cuda.to_device(np.zeros(shape, dtype))


# Global memory


@pytest.mark.parametrize("stride", [1, 2, 3, 4, 5, 7, 8, 9, 16, 33])
def test_a_stride_of_s_words_costs_min_4s_32_sectors_a_request(stride):
    report = profile(copy_with_stride[4, 128], zeros(512 * stride), zeros(512), stride)
    assert report.global_load_requests == report.global_store_requests == 16
    assert report.global_load_sectors == 16 * min(4 * stride, 32)
    assert report.global_store_sectors == 16 * 4


@pytest.mark.parametrize(
    ("dtype", "sectors"), [("int8", 1), ("float16", 2), ("float32", 4), ("float64", 8), ("c16", 16)]
)
def test_neighbours_touch_as_many_sectors_as_their_bytes_fill(dtype, sectors):
    report = profile(copy[2, 64], zeros(128, dtype=dtype), zeros(128, dtype=dtype))
    assert report.sectors_per_request == sectors
    assert report.dram_bytes == 2 * 128 * np.dtype(dtype).itemsize


def test_a_shift_by_one_element_touches_one_sector_more():
    report = profile(shifted_copy[2, 64], zeros(129), zeros(128))
    assert report.global_load_sectors == 4 * 5
    assert report.global_store_sectors == 4 * 4


def test_a_part_of_a_device_array_lies_where_it_lies_and_one_of_a_host_array_is_copied():
    whole = zeros(129)
    assert profile(copy[2, 64], whole[1:], zeros(128)).global_load_sectors == 4 * 5
    assert profile(copy[2, 64], whole[:128], zeros(128)).global_load_sectors == 4 * 4
    host = np.zeros(129, np.float32)
    assert profile(copy[2, 64], host[1:], zeros(128)).global_load_sectors == 4 * 4


def test_an_element_that_all_lanes_read_is_one_sector_a_warp():
    report = profile(first_of_all[3, 64], zeros(5), zeros(192))
    assert (report.global_load_requests, report.global_load_sectors) == (6, 6)


def test_a_warp_without_an_active_lane_makes_no_request():
    report = profile(copy[2, 64], zeros(33), zeros(33))
    assert report.global_load_requests == 2
    assert report.global_load_sectors == 4 + 1


@pytest.mark.parametrize("n", [32, 64])
def test_matmul_loads_are_closed_forms(n):
    a, b, c = (zeros(n, n) for _ in range(3))
    grid, block, warps = (n // 32, n // 32), (32, 32), n * n // 32
    naive = profile(naive_matmul[grid, block], a, b, c)
    assert naive.global_load_requests == 2 * n * warps
    assert naive.global_load_sectors == n * warps * (1 + 4)  # a: one element a warp; b: a row
    tiled = profile(tiled_matmul[grid, block], a, b, c)
    assert tiled.global_load_requests == 2 * (n // TILE) * warps
    assert tiled.global_load_sectors == 2 * (n // TILE) * warps * 4
    assert tiled.bank_conflicts == 0
    assert tiled.shared_requests == (n // TILE) * warps * (2 + 2 * TILE)
    assert naive.flops == tiled.flops == 2 * n**3
    assert naive.lane_efficiency == tiled.lane_efficiency == 1
    assert tiled.barriers == 2 * (n // TILE)


@pytest.mark.parametrize("dtype", [np.int8, np.float16, np.float32, np.float64])
@given(width=st.integers(1, 9), threads=st.sampled_from([1, 31, 64, 80]), off=st.integers(0, 70))
def test_sectors_equal_those_of_the_addresses_in_a_set(dtype, width, threads, off):
    @cuda.jit
    def kernel(x, out, off):
        i = cuda.threadIdx.x
        for k in range(x.shape[1]):  # one vector part of the address, many scalar parts
            if i != off:
                out[i] = x[i, k]

    x = zeros(threads, width, dtype=dtype)
    report = profile(kernel[1, threads], x, zeros(threads, dtype=dtype), off)
    sectors = [
        len({(i * width + k) * x.dtype.itemsize // 32 for i in warp if i != off})
        for k in range(width)
        for warp in np.array_split(range(threads), range(32, threads, 32))
    ]
    assert report.global_load_sectors == sum(sectors)
    assert report.global_load_requests == np.count_nonzero(sectors)


# Shared memory


@pytest.mark.parametrize(
    ("columns", "dtype", "conflicts"),
    [(32, float32, 31), (33, float32, 0), (32, float64, 2 * 15), (33, float64, 0)],
)
def test_reading_columns_of_a_tile_conflicts_unless_rows_are_padded(columns, dtype, conflicts):
    x = zeros(32, 32, dtype=dtype.dtype)
    report = profile(transpose(columns, dtype)[1, (32, 32)], x, x)
    assert report.shared_requests == 64
    assert report.line("tile[ty, tx] =").bank_conflicts == 0
    assert report.line("= tile[tx, ty]").bank_conflicts == 32 * conflicts


@pytest.mark.parametrize(("stride", "conflicts"), [(0, 0), (1, 0), (4, 0), (8, 1), (64, 15)])
def test_bytes_share_words(stride, conflicts):
    @cuda.jit
    def kernel():
        cache = cuda.shared.array(2048, int8)
        cache[cuda.threadIdx.x * stride] = 1

    with checks(races=False):
        assert profile(kernel[1, 32]).bank_conflicts == conflicts


def test_a_block_s_words_begin_with_its_own_memory():
    @cuda.jit
    def kernel():
        cache = cuda.shared.array(129, int8)  # the second block's begins within a word of the store
        cache[3 + 125 * (cuda.threadIdx.x % 2)] = 1  # words 0 and 32: one bank

    with checks(races=False):
        assert profile(kernel[2, 32]).bank_conflicts == 2


def passes(words, banks):
    """Return the passes of one warp or half: the different words in the fullest bank."""
    return max(len({w for w in words if w % banks == bank}) for bank in range(banks))


@given(st.data(), st.sampled_from([1, 2, 4, 8, 16]))
def test_conflicts_equal_the_words_of_the_fullest_bank(data, itemsize):
    numbers = st.lists(st.integers(0, 400), min_size=64, max_size=64)
    rows = np.array(data.draw(numbers)).reshape(2, 32)
    per_pass = min(32, 128 // itemsize)
    words = rows.reshape(-1, per_pass) * itemsize // max(4, itemsize)
    expected = sum(passes(set(part.tolist()), per_pass) - 1 for part in words)
    assert count_conflicts(rows, itemsize, None) == expected


def test_a_half_of_a_warp_that_is_idle_needs_no_pass():
    rows = np.zeros((1, 32), np.int64)
    rows[0, :16] = np.arange(16) * 16  # 8-byte words of one bank
    mask = np.arange(32)[None] < 16
    assert count_conflicts(rows, 8, mask) == 15
    assert count_conflicts(np.where(mask, rows, 0), 8, None) == 15  # the other half: one word


@given(st.lists(st.integers(0, 20), min_size=64, max_size=64), st.integers(0, 2**32 - 1))
def test_turns_and_distinct_values_equal_those_of_plain_python(numbers, bits):
    rows = np.array(numbers).reshape(2, 32)
    mask = np.array([[bits >> lane & 1 for lane in range(32)], [True] * 32], bool)
    turns = [max((row[m] == v).sum() for v in range(21)) for row, m in zip(rows, mask, strict=True)]
    assert count_turns(rows, mask) == sum(max(t - 1, 0) for t in turns)
    assert count_distinct(rows) == sum(len(set(row.tolist())) for row in rows)


# Lanes, barriers, arithmetic


def test_divergence_is_two_by_lane_and_one_by_warp():
    @cuda.jit
    def by_lane(out):
        i = cuda.grid(1)
        if i % 2 == 0:
            out[i] = 1
        else:
            out[i] = 2

    @cuda.jit
    def by_warp(out):
        i = cuda.grid(1)
        if (i // 32) % 2 == 0:
            out[i] = 1
        else:
            out[i] = 2

    lane, warp = profile(by_lane[2, 128], zeros(256)), profile(by_warp[2, 128], zeros(256))
    assert (lane.divergence, warp.divergence) == (2.0, 1.0)
    # Two whole statements, then two at half of the lanes; by warp each runs one of the two.
    assert lane.lane_efficiency == (1 + 1 + 0.5 + 0.5) / 4
    assert warp.lane_efficiency == 1
    assert (lane.statements, warp.statements) == (4 * 8, 3 * 8)


def test_a_loop_that_lanes_leave_at_different_times_diverges():
    @cuda.jit
    def kernel(out):
        i = cuda.grid(1)
        for _ in range(i % 2 + 1):
            out[i] += 1

    report = profile(kernel[1, 32], zeros(32))
    line = report.line("for _")
    # All stay; the even lanes leave; the odd ones leave.
    assert (line.branches, line.passes) == (3, 1 + 2 + 1)
    assert report.line("+= 1").active_lanes == 32 + 16


@pytest.mark.parametrize("threads", [2, 32, 128, 1024])
def test_a_reduction_passes_one_barrier_more_than_log2_of_its_block(threads):
    report = profile(block_sum[3, threads], zeros(3 * threads), zeros(3))
    assert report.barriers == 1 + math.log2(threads)
    assert report.flops == 3 * (threads - 1)


def test_barriers_are_those_of_the_block_that_passes_most():
    @cuda.jit
    def kernel():
        if cuda.blockIdx.x == 1:
            cuda.syncthreads()
            cuda.syncthreads()
        else:
            cuda.syncthreads()

    report = profile(kernel[3, 32])
    assert report.barriers == 2
    assert sum(line.barriers for line in report.lines()) == 3  # on three lines, once each


def test_flops_are_float_operations_of_active_lanes():
    @cuda.jit
    def kernel(x):
        i = cuda.grid(1)
        if i < 10:
            a = float32(i) + float(1)  # an addition; conversions are none
            b = cuda.fma(a, a, a)
            c = math.sqrt(b) * 2
            x[i] = c
            i = i * 2 + 1  # integers

    assert profile(kernel[1, 32], zeros(32)).flops == 10 * (1 + 2 + 2)


@pytest.mark.parametrize(("bins", "replays"), [(1, 31), (2, 15), (5, 6), (32, 0)])
def test_atomics_at_one_element_take_turns(bins, replays):
    @cuda.jit
    def kernel(counts, bins):
        cuda.atomic.add(counts, cuda.grid(1) % bins, 1)

    @cuda.jit
    def in_shared(counts, bins):
        mine = cuda.shared.array(32, float32)
        cuda.atomic.add(mine, cuda.threadIdx.x % bins, 1)

    report = profile(kernel[2, 32], zeros(32, dtype=np.int32), bins)
    assert (report.atomic_requests, report.atomic_replays) == (2, 2 * replays)
    assert report.atomic_sectors == 2 * math.ceil(bins / 8)
    assert report.global_requests == report.shared_requests == 0
    with checks(uninitialized=False):
        report = profile(in_shared[2, 32], zeros(32), bins)
    assert (report.atomic_replays, report.atomic_sectors) == (2 * replays, 0)


def test_atomics_of_all_lanes_at_a_fixed_element_take_turns():
    @cuda.jit
    def kernel(total):
        cuda.atomic.add(total, 0, 1)

    report = profile(kernel[1, 40], zeros(1, dtype=np.int32))
    assert (report.atomic_requests, report.atomic_replays) == (2, 31 + 7)


TABLE = np.arange(4, dtype=np.float32)


def test_local_and_constant_arrays_are_counted_apart():
    @cuda.jit
    def kernel(x):
        mine = cuda.local.array(4, float32)
        for k in range(4):
            mine[k] = TABLE[k]
        x[cuda.grid(1)] = mine[3]

    report = profile(kernel[1, 64], zeros(64))
    assert (report.local_requests, report.constant_requests) == (2 * 5, 2 * 4)
    assert (report.global_requests, report.shared_requests) == (2, 0)


def test_threads_beyond_the_last_whole_warp_are_idle_lanes():
    report = profile(copy[3, 33], zeros(99), zeros(99))
    assert (report.threads, report.warps) == (99, 6)
    assert report.lane_efficiency == 33 / 64
    assert report.global_load_requests == 6


def test_a_grid_of_many_groups_counts_as_many_blocks_do():
    one = profile(block_sum[1, 256], zeros(256), zeros(1))
    many = profile(block_sum[200, 256], zeros(200 * 256), zeros(200))
    assert many.barriers == one.barriers
    for name in ("statements", "shared_requests", "flops", "passes", "global_store_sectors"):
        assert getattr(many, name) == 200 * getattr(one, name)


# DRAM


def test_without_a_cache_every_sector_is_dram_traffic():
    n = 32
    report = profile(naive_matmul[1, (32, 32)], zeros(n, n), zeros(n, n), zeros(n, n))
    sectors = report.global_load_sectors + report.global_store_sectors
    assert report.dram_bytes == 32 * sectors
    assert report.arithmetic_intensity == 2 * n**3 / (32 * sectors)


def test_a_cache_that_holds_all_leaves_each_byte_one_way():
    n = 32
    args = zeros(n, n), zeros(n, n), zeros(n, n)
    report = profile(naive_matmul[1, (32, 32)], *args, l2=3 * 4 * n * n)
    assert report.dram_bytes == 3 * 4 * n * n
    one_sector = profile(naive_matmul[1, (32, 32)], *args, l2=32)
    assert report.dram_bytes < one_sector.dram_bytes <= 32 * one_sector.global_sectors


def test_an_atomic_reads_and_writes_its_sector_once_with_a_cache():
    @cuda.jit
    def kernel(total):
        cuda.atomic.add(total, cuda.grid(1) % 2, 1)

    report = profile(kernel[4, 64], zeros(2, dtype=np.int32), l2=1024)
    assert report.dram_bytes == 64


def test_the_least_recently_used_sector_goes():
    @cuda.jit
    def kernel(x, order, out):
        for k in range(order.size):
            out[0] = x[8 * order[k]]

    def misses(*order):
        order = np.array(order, np.int32)
        report = profile(kernel[1, 1], zeros(64), order, zeros(1), l2=32 * 4)
        return report.line("out[0]").dram_sectors - 2  # but for `order`, and `out` at the end

    assert misses(0, 1, 0, 1) == 2
    assert misses(0, 1, 0, 2, 0) == 3  # room for x[0], x[16], order and out: x[8] went
    assert misses(0, 1, 2, 0) == 4


def test_a_cache_smaller_than_a_sector_is_refused():
    with pytest.raises(ValueError, match="holds no sector"):
        profile(copy[1, 32], zeros(32), zeros(32), l2=31)


# The report


def test_profile_does_what_the_launch_does():
    x = np.arange(100, dtype=np.float32)
    out = np.zeros(100, np.float32)
    profile(copy[1, 128], x, out)
    np.testing.assert_array_equal(out, x)
    with pytest.raises(OutOfRange):
        profile(shifted_copy[1, 128], x, out)
    with pytest.raises(TypeError, match=r"kernel\[grid, block\]"):
        profile(copy, x, out)


def test_the_lines_add_up_to_the_report():
    report = profile(block_sum[4, 128], zeros(512), zeros(4))
    for name in ("statements", "flops", "shared_requests", "passes", "dram_sectors"):
        assert getattr(report, name) == sum(getattr(line, name) for line in report.lines())
    assert report.line("cache[t] = x[i]").global_load_requests == 16
    with pytest.raises(ValueError, match="2 counted lines"):
        report.line("cache[t]")


@cuda.jit(device=True)
def twice(x):
    return x + x


def test_a_device_function_has_lines_of_its_own():
    @cuda.jit
    def kernel(out):
        out[cuda.grid(1)] = twice(float32(1))

    report = profile(kernel[1, 32], zeros(32))
    assert report.line("return x + x").flops == report.flops == 32
    assert report.line("return x + x").function == "twice"


def test_a_report_shows_counts_beside_the_source():
    report = profile(transpose(32, float32)[1, (32, 32)], zeros(32, 32), zeros(32, 32))
    text, page = repr(report), report._repr_html_()
    for shown in ("■ counted", "64 requests, 992 bank conflicts", "out[ty, tx] = tile[tx, ty]"):
        assert shown in text
    row = next(line for line in text.splitlines() if "= tile[tx, ty]" in line)
    assert row.split()[-6:] == ["32", "100%", "32", "128", "32", "992"]
    assert "conflicts" in page
    assert "tile[tx, ty]" in page
    assert "atomics" not in text + page


def test_a_kernel_that_does_nothing_has_a_report():
    @cuda.jit
    def kernel():
        pass

    report = profile(kernel[1, 32])
    assert report.statements == report.dram_bytes == 0
    assert math.isnan(report.lane_efficiency)
    assert "32" in repr(report)


def test_the_table_beside_the_source_leaves_the_docstring_out():
    @cuda.jit
    def documented(out):
        """Say more.

        Than is counted.
        """
        out[cuda.grid(1)] = 1

    shown = repr(profile(documented[1, 32], np.zeros(32)).lines())
    assert "Than is counted" not in shown
    assert "def documented(out):" in shown
    assert [line.text for line in profile(documented[1, 32], np.zeros(32)).lines()] == [
        "out[cuda.grid(1)] = 1"
    ]
