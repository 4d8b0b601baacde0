"""Correct tricky kernels: they raise nothing, and give the right numbers."""

import numpy as np
import pytest

from dlpar.gpu import checks, cuda, float32, int32, int64

FINE = []
N = 256
FULL = 0xFFFFFFFF


def fine(expected, *, grid=4, block=64, shared=0, n=N):
    """Register a kernel that is given x, (n,) int64, and leaves `expected(x)` in y or y's start."""

    def keep(function):
        case = cuda.jit(function), expected, (grid, block, 0, shared), n
        FINE.append(pytest.param(*case, id=function.__name__))
        return function

    return keep


@pytest.mark.parametrize("everything", [True, None])
@pytest.mark.parametrize(("kernel", "expected", "configuration", "n"), FINE)
def test_a_correct_kernel_raises_nothing(kernel, expected, configuration, n, everything):
    x = np.random.default_rng(n).integers(0, 100, n)
    want = np.asarray(expected(x.copy()))
    y = np.zeros(max(n, want.size), int)
    with checks(everything):
        kernel[configuration](x, y)
    np.testing.assert_array_equal(y[: want.size], want.ravel())


def of_blocks(x, size=64):
    return x.reshape(-1, size)


# Warps


@fine(lambda x: of_blocks(x, 32).sum(axis=1), grid=1, block=256)
def a_warp_reduction_in_shared_memory(x, y):
    s = cuda.shared.array(N, int64)
    t = cuda.threadIdx.x
    lane = t % 32
    s[t] = x[t]
    cuda.syncwarp()
    step = 16
    while step > 0:
        if lane < step:
            s[t] += s[t + step]
        cuda.syncwarp()
        step //= 2
    if lane == 0:
        y[t // 32] = s[t]


@fine(lambda x: of_blocks(x, 32).sum(axis=1), grid=1, block=256)
def a_warp_reduction_with_shrinking_masks(x, y):
    s = cuda.shared.array(N, int64)
    t = cuda.threadIdx.x
    lane = t % 32
    s[t] = x[t]
    cuda.syncwarp()
    mask, step = 0xFFFF, 16
    while step > 0:
        if lane < step:
            s[t] += s[t + step]
            cuda.syncwarp(mask)
        step //= 2
        mask = mask >> step
    if lane == 0:
        y[t // 32] = s[t]


@fine(lambda x: of_blocks(x, 32).sum(axis=1))
def a_reduction_by_shuffles(x, y):
    i = cuda.grid(1)
    total = x[i]
    for k in range(5):
        total += cuda.shfl_down_sync(FULL, total, 16 >> k)
    if i % 32 == 0:
        y[i // 32] = total


@fine(lambda x: np.where(np.arange(N) % 32 < 16, x ^ 0, x) + x.reshape(-1, 2)[:, ::-1].ravel())
def shuffles_in_both_halves_with_their_masks(x, y):
    i = cuda.grid(1)
    if i % 32 < 16:
        other = cuda.shfl_xor_sync(0xFFFF, x[i], 1)
    else:
        other = cuda.shfl_xor_sync(0xFFFF0000, x[i], 1)
    y[i] = x[i] + other


@fine(lambda x: np.add.reduceat(x, np.arange(0, N, 32)), block=256, grid=1)
def a_scan_by_shuffles(x, y):
    i = cuda.grid(1)
    total, lane = x[i], i % 32
    step = 1
    while step < 32:
        below = cuda.shfl_up_sync(FULL, total, step)
        if lane >= step:
            total += below
        step *= 2
    if lane == 31:
        y[i // 32] = total


@fine(lambda x: (of_blocks(x, 32) > 50).sum(axis=1))
def a_vote_and_its_leader(x, y):
    i = cuda.grid(1)
    word = cuda.ballot_sync(FULL, x[i] > 50)
    if i % 32 == cuda.ffs(FULL) - 1:
        y[i // 32] = cuda.popc(word)


@fine(lambda x: [x[:20].sum()], grid=1, block=20)
def a_warp_of_twenty_lanes(x, y):
    t = cuda.threadIdx.x
    total = x[t]
    for k in range(20):
        seen = cuda.shfl_sync(FULL, x[t], k)
        if k != t:
            total += seen
    if t == 0:
        y[0] = total


@fine(lambda x: x[[32, 0]], grid=1, block=64)
def a_syncwarp_after_some_lanes_have_returned(x, y):
    s = cuda.shared.array(64, int64)
    t = cuda.threadIdx.x
    if t % 32 > 7:
        return
    s[t] = x[t]
    cuda.syncwarp()
    if t == 0:
        y[0] = x[32]
        y[1] = s[1] - s[1] + s[0]


# Tiles


@fine(lambda x: of_blocks(x).cumsum(axis=1))
def a_double_buffered_scan(x, y):
    s = cuda.shared.array((2, 64), int64)
    t, i = cuda.threadIdx.x, cuda.grid(1)
    now, step = 0, 1
    s[0, t] = x[i]
    cuda.syncthreads()
    while step < 64:
        after = 1 - now
        s[after, t] = s[now, t] + (s[now, t - step] if t >= step else 0)
        cuda.syncthreads()
        now, step = after, step * 2
    y[i] = s[now, t]


@fine(lambda x: np.full(64, x.sum()), grid=1)
def two_tiles_and_one_barrier_a_step(x, y):
    s = cuda.shared.array((2, 64), int64)
    t = cuda.threadIdx.x
    total = 0
    for k in range(4):
        tile = s[k % 2]
        tile[t] = x[64 * k + t]
        cuda.syncthreads()
        for j in range(64):
            total += tile[j]
    y[t] = total


@fine(lambda x: x.reshape(16, 16).T, grid=(2, 2), block=(8, 8))
def a_padded_transpose(x, y):
    tile = cuda.shared.array((8, 9), int64)
    i, j = cuda.threadIdx.x, cuda.threadIdx.y
    bi, bj = 8 * cuda.blockIdx.x, 8 * cuda.blockIdx.y
    tile[j, i] = x[(bj + j) * 16 + bi + i]
    cuda.syncthreads()
    y[(bi + j) * 16 + bj + i] = tile[i, j]


@fine(lambda x: of_blocks(x).sum(axis=1))
def a_reduction_in_place(x, y):
    s = cuda.shared.array(64, int64)
    t = cuda.threadIdx.x
    s[t] = x[cuda.grid(1)]
    cuda.syncthreads()
    step = 32
    while step > 0:
        if t < step:
            s[t] += s[t + step]
        cuda.syncthreads()
        step //= 2
    if t == 0:
        y[cuda.blockIdx.x] = s[0]


@fine(lambda x: of_blocks(x)[:, ::-1], shared=512)
def a_reversal_in_dynamic_shared_memory(x, y):
    s = cuda.shared.array(0, int64)
    t = cuda.threadIdx.x
    s[t] = x[cuda.grid(1)]
    cuda.syncthreads()
    y[cuda.grid(1)] = s[63 - t]


@fine(lambda x: of_blocks(x) + of_blocks(x)[:, ::-1], shared=768)
def two_arrays_in_dynamic_shared_memory(x, y):
    left = cuda.shared.array(0, int64)[:64]
    right = cuda.shared.array(0, int32)[128:192]
    t, i = cuda.threadIdx.x, cuda.grid(1)
    left[t] = x[i]
    right[63 - t] = x[i]
    cuda.syncthreads()
    y[i] = left[t] + right[t]


# Atomics


@fine(lambda x: np.bincount(x, minlength=100), grid=3, block=100)
def a_histogram_in_shared_then_global_memory(x, y):
    s = cuda.shared.array(100, int64)
    t = cuda.threadIdx.x
    s[t] = 0
    cuda.syncthreads()
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        cuda.atomic.add(s, x[i], 1)
    cuda.syncthreads()
    cuda.atomic.add(y, t, s[t])


@fine(lambda x: np.bincount(x % 8, minlength=8))
def a_histogram_of_atomics_only(x, y):
    cuda.atomic.add(y, x[cuda.grid(1)] % 8, 1)


@fine(lambda x: np.r_[x.sum(), [0] * 8, of_blocks(x).sum(axis=1)])
def the_last_block_adds_up(x, y):
    s = cuda.shared.array(1, int64)
    last = cuda.shared.array(1, int32)
    t, b = cuda.threadIdx.x, cuda.blockIdx.x
    if t == 0:
        s[0] = 0
    cuda.syncthreads()
    cuda.atomic.add(s, 0, x[cuda.grid(1)])
    cuda.syncthreads()
    if t == 0:
        y[9 + b] = s[0]
        cuda.threadfence()
        last[0] = cuda.atomic.add(y, 1, 1) == cuda.gridDim.x - 1
    cuda.syncthreads()
    if last[0] and t == 0:
        total = 0
        for k in range(cuda.gridDim.x):
            total += y[9 + k]
        y[0] = total
        y[1] = 0  # for the next launch


@fine(lambda x: np.r_[x, x.sum()], n=256)
def the_last_block_reads_what_every_thread_wrote(x, y):
    last = cuda.shared.array(1, int64)
    t, i = cuda.threadIdx.x, cuda.grid(1)
    x[i] = x[i] + 1
    x[i] = x[i] - 1
    cuda.threadfence()
    cuda.syncthreads()
    if t == 0:
        last[0] = cuda.atomic.add(y, 0, 1)
    cuda.syncthreads()
    if last[0] == 3:
        total = 0
        for k in range(x.size):
            total += x[k]
        y[N] = total
        for k in range(t, x.size, 64):
            y[k] = x[k]


@fine(lambda x: [x.max(), x.min() - 1000])
def a_maximum_and_a_minimum(x, y):
    v = x[cuda.grid(1)]
    cuda.atomic.max(y, 0, v)
    cuda.atomic.min(y, 1, v - 1000)


@fine(lambda x: [0, 256 * 3])
def a_lock_free_increment(x, y):
    seen = cuda.atomic.add(y, 1, 3)
    if seen < 0:
        y[0] = 1


# Barriers


@fine(lambda x: of_blocks(x).max(axis=1))
def lanes_return_after_the_last_barrier(x, y):
    s = cuda.shared.array(64, int64)
    t = cuda.threadIdx.x
    s[t] = x[cuda.grid(1)]
    cuda.syncthreads()
    if t > 0:
        return
    best = s[0]
    for k in range(64):
        best = max(best, s[k])
    y[cuda.blockIdx.x] = best


@fine(lambda x: [0, x[64:128].sum(), 0, 0])
def a_block_returns_as_a_whole_before_a_barrier(x, y):
    s = cuda.shared.array(1, int64)
    if cuda.blockIdx.x != 1:
        return
    if cuda.threadIdx.x == 0:
        s[0] = 0
    cuda.syncthreads()
    cuda.atomic.add(s, 0, x[cuda.grid(1)])
    cuda.syncthreads()
    if cuda.threadIdx.x == 0:
        y[1] = s[0]


@fine(lambda x: of_blocks(x)[:, ::-1])
def barriers_in_a_branch_of_whole_blocks(x, y):
    s = cuda.shared.array(64, int64)
    t, i = cuda.threadIdx.x, cuda.grid(1)
    s[t] = x[i]
    if cuda.blockIdx.x % 2 == 0:
        cuda.syncthreads()
        y[i] = s[63 - t]
    else:
        cuda.syncthreads()
        y[i] = s[63 - t]


@fine(lambda x: [1, 2, 4, 7], block=4)
def barriers_in_loops_of_as_many_steps_as_the_block_wants(x, y):
    s = cuda.shared.array(4, int64)
    t, b = cuda.threadIdx.x, cuda.blockIdx.x
    s[t] = 1
    for k in range(b):
        cuda.syncthreads()
        left = s[(t + 1) % 4]
        cuda.syncthreads()
        s[t] = left + k + 1
    cuda.syncthreads()
    if t == 0:
        y[b] = s[3]


@fine(lambda x: of_blocks(x).sum(axis=1) + of_blocks(x)[:, 0] - of_blocks(x)[:, 63])
def many_read_then_one_writes(x, y):
    s = cuda.shared.array(64, int64)
    t, b = cuda.threadIdx.x, cuda.blockIdx.x
    s[t] = x[cuda.grid(1)]
    cuda.syncthreads()
    total = 0
    for k in range(64):
        total += s[k]
    cuda.syncthreads()
    if t == 0:
        s[63] = s[0]
    cuda.syncthreads()
    if t == 5:
        y[b] = total + s[63] - x[64 * b + 63]


@fine(lambda x: [(of_blocks(x) > 90).sum(axis=1).max()], block=64)
def a_barrier_that_counts(x, y):
    n = cuda.syncthreads_count(int(x[cuda.grid(1)] > 90))
    if cuda.threadIdx.x == 0:
        cuda.atomic.max(y, 0, n)


@fine(lambda x: [x[x % 7 == 3].size > 0])
def many_write_one_value(x, y):
    found = x[cuda.grid(1)] % 7 == 3
    if found:
        y[0] = 1


@fine(lambda x: [1], grid=300, block=64, n=64)
def one_value_from_blocks_that_do_not_run_together(x, y):
    if cuda.threadIdx.x % 2:
        y[0] = 1


@fine(lambda x: np.roll(x, 4))
def a_ping_pong_with_a_sync_of_the_grid(x, y):
    g = cuda.cg.this_grid()
    i = cuda.grid(1)
    for _ in range(2):
        y[i] = x[(i - 1) % N]
        g.sync()
        x[i] = y[(i - 1) % N]
        g.sync()
    y[i] = x[i]


# Whose element it is


@fine(lambda x: x * 3)
def each_changes_its_own(x, y):
    i = cuda.grid(1)
    y[i] = x[i]
    y[i] += x[i]
    y[i] = y[i] + x[i]


@fine(lambda x: x * 2, grid=2, block=20)
def a_grid_stride_loop(x, y):
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        y[i] = 2 * x[i]


@fine(lambda x: np.stack([x[::2] + 1, x[1::2] * 2], axis=1), grid=1, block=256)
def even_and_odd_write_apart(x, y):
    i = cuda.grid(1)
    if i % 2 == 0:
        y[i] = x[i] + 1
    else:
        y[i] = x[i] * 2


@fine(lambda x: np.r_[x[1:128], 0], grid=1, block=128)
def reads_first_and_writes_after_a_barrier(x, y):
    t = cuda.threadIdx.x
    right = x[t + 1] if t < 127 else 0
    cuda.syncthreads()
    x[t] = right
    y[t] = x[t]


@fine(lambda x: x[::-1])
def negative_indices_count_from_the_end(x, y):
    i = cuda.grid(1)
    y[i] = x[-1 - i]


@fine(lambda x: [sum(v for v in range(1, 8) if v % 3), *[0] * 3], grid=1, block=8)
def lanes_that_skip_and_leave_meet_before_a_barrier(x, y):
    s = cuda.shared.array(8, int64)
    t = cuda.threadIdx.x
    s[t] = 0
    for k in range(20):
        if k > t:
            break
        if k % 3 == 0:
            continue
        s[t] = k if t % 3 else 0
    cuda.syncthreads()
    if t == 0:
        total = 0
        for k in range(8):
            total += s[k]
        y[0] = total


@fine(lambda x: x[: 3 * 37], grid=3, block=37)
def blocks_of_no_whole_number_of_warps(x, y):
    s = cuda.shared.array(37, int64)
    t, i = cuda.threadIdx.x, cuda.grid(1)
    s[36 - t] = x[i]
    cuda.syncthreads()
    y[i] = s[36 - t]


@fine(lambda x: x[:5].cumsum(), grid=1, block=1)
def one_thread_alone(x, y):
    s = cuda.shared.array(1, int64)
    s[0] = 0
    for k in range(5):
        s[0] += x[k]
        y[k] = s[0]
        cuda.syncthreads()


@fine(lambda x: x[:192].reshape(4, 6, 8).transpose(2, 1, 0), grid=1, block=(8, 6, 4))
def a_block_of_three_dimensions(x, y):
    s = cuda.shared.array((4, 6, 8), int64)
    i, j, k = cuda.threadIdx.x, cuda.threadIdx.y, cuda.threadIdx.z
    s[k, j, i] = x[(k * 6 + j) * 8 + i]
    cuda.syncthreads()
    y[(i * 6 + j) * 4 + k] = s[k, j, i]


@fine(lambda x: [], n=0)
def an_array_of_no_elements(x, y):
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        y[i] = x[i]


@fine(lambda x: x[: 4 * 64] ** 2)
def local_arrays_of_each_lane(x, y):
    mine = cuda.local.array((2, 2), float32)
    i = cuda.grid(1)
    for k in range(4):
        mine[k // 2, k % 2] = x[i]
    y[i] = mine[0, 1] * mine[1, 0]


@cuda.jit(device=True)
def block_total(s, t):
    """Sum 64 elements in place; every thread calls it, and gets the sum."""
    step = 32
    while step > 0:
        cuda.syncthreads()
        if t < step:
            s[t] += s[t + step]
        step //= 2
    cuda.syncthreads()
    total = s[0]
    cuda.syncthreads()
    return total


@fine(lambda x: of_blocks(x).sum(axis=1) * 2)
def barriers_in_a_device_function(x, y):
    s = cuda.shared.array(64, int64)
    t, i = cuda.threadIdx.x, cuda.grid(1)
    s[t] = x[i]
    first = block_total(s, t)
    s[t] = x[i]
    y[cuda.blockIdx.x] = first + block_total(s, t)
