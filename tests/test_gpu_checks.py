"""Planted faults, each caught and named; and correct tricky kernels, which raise nothing."""

import inspect

import numpy as np
import pytest

from dlpar.gpu import checks, cuda, float32, int64
from dlpar.gpu.lockstep.errors import (
    DivergentBarrier,
    DivisionByZero,
    EndlessLoop,
    NotANumber,
    OutOfRange,
    Race,
    Uninitialized,
    WrongMask,
)

FAULTS = []


def fault(error, says, *, grid=1, block=64, at=(0, 0), shared=0, **options):
    """Register a kernel of (x, y), each 128 zeros, that raises on its line marked `# here`.

    says : words of the message.  at : the block and the thread to blame, x or (x, y, z).
    """

    def keep(function):
        case = cuda.jit(function), error, says, (grid, block, 0, shared), at, options
        FAULTS.append(pytest.param(*case, id=function.__name__))
        return function

    return keep


@pytest.mark.parametrize(("kernel", "error", "says", "configuration", "at", "options"), FAULTS)
def test_a_planted_fault_is_caught_and_named(kernel, error, says, configuration, at, options):
    lines, first = inspect.getsourcelines(kernel.py_func)
    (here,) = (i for i, line in enumerate(lines) if "# here" in line)
    x, y = np.zeros((2, 128), int)
    with pytest.raises(error) as caught, checks(**options):
        kernel[configuration](x, y)
    found = caught.value
    assert type(found) is error
    assert (found.kernel, found.line) == (kernel.__name__, first + here)
    assert found.source == lines[here].strip()
    spots = [spot if isinstance(spot, tuple) else (spot, 0, 0) for spot in at]
    assert [found.block, found.thread] == spots
    assert says in found.message


# Races in shared memory


@fault(Race, "reads s[1] (shared), thread 1 wrote it at line", block=32)
def reads_a_neighbour_of_its_warp_without_a_barrier(x, y):
    s = cuda.shared.array(64, int64)
    t = cuda.threadIdx.x
    s[t] = t
    x[t] = s[(t + 1) % 32]  # here


@fault(Race, "reads s[32] (shared), thread 32 wrote it", at=(0, 0))
def reads_another_warp_after_a_syncwarp(x, y):
    s = cuda.shared.array(64, int64)
    t = cuda.threadIdx.x
    s[t] = t
    cuda.syncwarp()
    x[t] = s[t ^ 32]  # here


@fault(Race, "writes s[0] (shared), thread 63 wrote it on this line")
def all_write_one_element(x, y):
    s = cuda.shared.array(64, int64)
    t = cuda.threadIdx.x
    s[0] = t  # here


@fault(Race, "writes s[0] (shared), thread 0 wrote it at line", at=(0, 40))
def two_statements_write_one_element(x, y):
    s = cuda.shared.array(64, int64)
    t = cuda.threadIdx.x
    if t == 0:
        s[0] = 1
    if t == 40:
        s[0] = 2  # here


@fault(Race, "writes s[0] (shared), thread 1 read it at line")
def writes_what_others_still_read(x, y):
    s = cuda.shared.array(64, int64)
    t = cuda.threadIdx.x
    s[t] = t
    cuda.syncthreads()
    total = s[t] + s[t - 1]
    s[t] = total  # here


@fault(Race, "writes tile[0] (shared), thread 63 read it at line")
def the_second_barrier_of_a_tile_loop_is_missing(x, y):
    tile = cuda.shared.array(64, int64)
    t = cuda.threadIdx.x
    total = 0
    for k in range(2):
        tile[t] = x[k * 64 + t]  # here
        cuda.syncthreads()
        for j in range(64):
            total += tile[j]
    y[t] = total


@fault(Race, "reads s[1] (shared), thread 1 wrote it on this line; no barrier")
def a_reduction_without_its_barrier(x, y):
    s = cuda.shared.array(64, int64)
    t = cuda.threadIdx.x
    s[t] = x[t]
    cuda.syncthreads()
    step = 2
    while step > 0:
        if t < step:
            s[t] += s[t + step]  # here
        step //= 2


@fault(Race, "reads s[63] (shared), thread 63 wrote it at line", at=(0, 0))
def between_two_barriers_both_sides_of_a_tile(x, y):
    s = cuda.shared.array(64, int64)
    t = cuda.threadIdx.x
    s[t] = 1
    cuda.syncthreads()
    s[t] = 2
    y[t] = s[63 - t]  # here
    cuda.syncthreads()


@fault(Race, "reads s[0] (shared), thread 63 updated it at line")
def reads_a_counter_that_atomics_still_change(x, y):
    s = cuda.shared.array(1, int64)
    t = cuda.threadIdx.x
    if t == 0:
        s[0] = 0
    cuda.syncthreads()
    cuda.atomic.add(s, 0, 1)
    x[t] = s[0]  # here


@fault(Race, "updates s[0] (shared), thread 0 wrote it at line", at=(0, 1))
def clears_a_counter_and_counts_at_once(x, y):
    s = cuda.shared.array(1, int64)
    t = cuda.threadIdx.x
    if t == 0:
        s[0] = 0
    cuda.atomic.add(s, 0, 1)  # here


@fault(Race, "writes s[3] (shared), thread 63 updated it at line", at=(0, 3))
def writes_over_an_atomic(x, y):
    s = cuda.shared.array(64, int64)
    t = cuda.threadIdx.x
    s[t] = 0
    cuda.syncthreads()
    cuda.atomic.add(s, 3, t)
    if t == 3:
        s[t] = 0  # here


@fault(Race, "reads tile[0, 1] (shared), thread (0, 1) wrote it", block=(8, 8), at=(0, 1))
def transposes_a_tile_without_a_barrier(x, y):
    tile = cuda.shared.array((8, 8), int64)
    i, j = cuda.threadIdx.x, cuda.threadIdx.y
    tile[i, j] = i
    x[i] = tile[j, i]  # here


@fault(Race, "reads s[2, 0] (shared), thread 0 wrote it at line", at=(0, 1))
def races_through_a_row(x, y):
    s = cuda.shared.array((4, 64), int64)
    t = cuda.threadIdx.x
    row = s[2]
    row[t] = t
    x[t] = s[2, t - t % 2]  # here


@fault(Race, "reads s[9] (shared), thread 8 wrote it at line", at=(0, 9))
def races_through_a_slice(x, y):
    s = cuda.shared.array(128, int64)
    t = cuda.threadIdx.x
    part = s[1:]
    s[t] = 0
    cuda.syncthreads()
    if t == 8:
        part[t] = 1
    if t == 9:
        x[t] = s[t]  # here


@cuda.jit(device=True)
def put(a, i, value):
    a[i] = value  # in a device function


@fault(Race, "reads s[5] (shared), thread 5 wrote it at line", at=(0, 4))
def races_through_a_device_function(x, y):
    s = cuda.shared.array(64, int64)
    t = cuda.threadIdx.x
    put(s, t, t)
    if t == 4:
        x[t] = s[t + 1]  # here


@fault(Race, "reads s[1] (shared), thread 1 wrote it at line", shared=512)
def races_in_dynamic_shared_memory(x, y):
    s = cuda.shared.array(0, int64)
    t = cuda.threadIdx.x
    s[t] = t
    x[t] = s[(t + 1) % 64]  # here


@fault(Race, "reads s[33] (shared), thread 33 wrote it at line", at=(1, 32), grid=2)
def races_in_one_block_of_two(x, y):
    s = cuda.shared.array(64, int64)
    t = cuda.threadIdx.x
    s[t] = t
    if cuda.blockIdx.x == 0:
        cuda.syncthreads()
    if t == 32 and cuda.blockIdx.x == 1:
        x[t] = s[t + 1]  # here


@fault(Race, "reads s[2] (shared), thread 2 wrote it at line", at=(0, 1), block=32)
def a_syncwarp_that_names_too_few_lanes(x, y):
    s = cuda.shared.array(32, int64)
    t = cuda.threadIdx.x
    s[t] = t
    if t < 2:
        cuda.syncwarp(0b11)
        x[t] = s[1 + t]  # here


# Races in global memory


@fault(Race, "reads x[1] (global), thread 1 wrote it at line")
def shifts_an_array_in_place(x, y):
    t = cuda.threadIdx.x
    x[t] = t
    y[t] = x[(t + 1) % 64]  # here


@fault(Race, "writes x[0] (global), thread 1 read it at line")
def a_stencil_in_place(x, y):
    t = cuda.threadIdx.x
    left = x[max(t - 1, 0)]
    x[t] = left + 1  # here


@fault(Race, "thread 0 of block 1 wrote it on this line; no barrier orders two blocks", grid=2)
def two_blocks_write_one_element(x, y):
    if cuda.threadIdx.x == 0:
        x[7] = cuda.blockIdx.x  # here


@fault(Race, "reads x[64] (global), thread 0 of block 1 wrote it", grid=2)
def a_barrier_of_the_block_does_not_order_blocks(x, y):
    i = cuda.grid(1)
    x[i] = i
    cuda.syncthreads()
    y[i] = x[(i + 64) % 128]  # here


@fault(Race, "thread 63 of block 1 updated it at line", grid=2, at=(0, 0))
def reads_a_global_counter_without_a_fence(x, y):
    cuda.atomic.add(x, 0, 1)
    cuda.syncthreads()
    y[cuda.grid(1)] = x[0]  # here


@fault(Race, "reads x[0] (global), thread 0 of block 0 wrote it", grid=2, at=(1, 0))
def the_last_block_forgets_the_fence(x, y):
    last = cuda.shared.array(1, int64)
    t, b = cuda.threadIdx.x, cuda.blockIdx.x
    if t == 0:
        x[b] = b
        last[0] = cuda.atomic.add(y, 0, 1)
    cuda.syncthreads()
    if last[0] == 1 and t == 0:
        y[1] = x[0] + x[1]  # here


@cuda.jit(device=True)
def fenced(a, i, value):
    a[i] = value
    cuda.threadfence()


@fault(Race, "reads x[1] (global), thread 0 of block 1 wrote it", grid=2)
def the_first_block_reads_in_place_of_the_last(x, y):
    t, b = cuda.threadIdx.x, cuda.blockIdx.x
    if t == 0:
        fenced(x, b, b)
        ticket = cuda.atomic.add(y, 0, 1)
        if ticket == 0:
            y[1] = x[0] + x[1]  # here


@fault(Race, "reads x[3] (global), thread 3 of block 0 wrote it", grid=2, at=(1, 0))
def the_fence_of_one_thread_does_not_publish_what_others_wrote(x, y):
    t, b = cuda.threadIdx.x, cuda.blockIdx.x
    if t == 3:
        x[3 + b] = b
    if t == 0:
        cuda.threadfence()
        ticket = cuda.atomic.add(y, 0, 1)
        if ticket == 1:
            y[1] = x[3]  # here


@fault(Race, "reads y[1] (global), thread 1 wrote it", at=(0, 0))
def races_under_another_name(x, y):
    t = cuda.threadIdx.x
    z = y
    z[t] = t
    x[t] = y[(t + 1) % 64]  # here


@fault(Race, "writes x[0] (global), thread 32 wrote it on this line")
def increments_without_an_atomic(x, y):
    t = cuda.threadIdx.x
    if t % 32 == 0:
        x[0] = t  # here


# Barriers


@fault(DivergentBarrier, "32 of the block's 64 threads, such as thread 32, never come here")
def a_barrier_under_an_if(x, y):
    if cuda.threadIdx.x < 32:
        cuda.syncthreads()  # here


@fault(DivergentBarrier, "such as thread 0, never come here", at=(0, 1))
def a_barrier_in_an_else(x, y):
    if cuda.threadIdx.x == 0:
        x[0] = 1
    else:
        cuda.syncthreads()  # here


@fault(DivergentBarrier, "such as thread 0, never come here", at=(0, 1))
def a_barrier_in_a_loop_of_differing_trip_counts(x, y):
    for _ in range(cuda.threadIdx.x):
        cuda.syncthreads()  # here


@fault(DivergentBarrier, "63 of the block's 64 threads", at=(1, 5), grid=2)
def a_barrier_that_one_block_reaches_in_part(x, y):
    if cuda.blockIdx.x == 0 or cuda.threadIdx.x == 5:
        cuda.syncthreads()  # here


@fault(DivergentBarrier, "such as thread 3, never come here")
def a_barrier_after_a_break(x, y):
    for _ in range(4):
        if cuda.threadIdx.x == 3:
            break
        cuda.syncthreads()  # here


@fault(DivergentBarrier, "such as thread 63, never come here")
def a_count_in_divergent_code(x, y):
    t = cuda.threadIdx.x
    if t != 63:
        y[t] = cuda.syncthreads_count(int(x[t] == 0))  # here


@fault(DivergentBarrier, "such as thread 3, never come here", block=(8, 8), at=(0, (0, 0, 0)))
def an_and_over_a_part_of_the_block(x, y):
    if cuda.threadIdx.x + cuda.threadIdx.y < 3:
        x[0] = cuda.syncthreads_and(1)  # here


@fault(DivergentBarrier, "thread 0 of block 1 never comes here", grid=2)
def a_sync_of_the_grid_that_a_block_skips(x, y):
    g = cuda.cg.this_grid()
    if cuda.blockIdx.x == 0:
        g.sync()  # here


# Indices


@fault(
    OutOfRange, "x[128], but x has shape (128,), so that indices end at 127", block=256, at=(0, 128)
)
def one_past_the_end(x, y):
    t = cuda.threadIdx.x
    x[t] = 1  # here


@fault(OutOfRange, "indices along axis 0 end at 3", block=8, at=(0, 4))
def along_the_first_axis(x, y):
    s = cuda.shared.array((4, 8), int64)
    s[cuda.threadIdx.x, 0] = 1  # here


@fault(OutOfRange, "s[0, 8]", block=(16, 4), at=(0, (8, 0, 0)))
def along_the_second_axis(x, y):
    s = cuda.shared.array((4, 8), int64)
    i, j = cuda.threadIdx.x, cuda.threadIdx.y
    s[j, i] = 1  # here


@fault(OutOfRange, "indices along axis 2 end at 1", block=(2, 2, 3), at=(0, (0, 0, 2)))
def along_the_third_axis(x, y):
    s = cuda.local.array((2, 2, 2), int64)
    s[0, 1, cuda.threadIdx.z] = 1  # here


@fault(OutOfRange, "x[-129]", block=200, at=(0, 129))
def below_the_beginning(x, y):
    t = cuda.threadIdx.x
    if t > 0:
        y[0] = x[-t]  # here


@fault(OutOfRange, "x[200]", at=(0, 7))
def in_an_atomic(x, y):
    if cuda.threadIdx.x == 7:
        cuda.atomic.add(x, 200, 1)  # here


@fault(OutOfRange, "mine[4], but mine has shape (4,)", at=(0, 4))
def in_a_local_array(x, y):
    mine = cuda.local.array(4, int64)
    t = cuda.threadIdx.x
    mine[t] = 1  # here


@fault(OutOfRange, "x[130]", at=(0, 2))
def under_a_mask(x, y):
    t = cuda.threadIdx.x
    if t % 2 == 0 and t > 0:
        y[t] = x[128 + t]  # here


@fault(OutOfRange, "x[1000]")
def the_same_for_all(x, y):
    k = 1000
    y[0] = x[k]  # here


@fault(OutOfRange, "row", at=(0, 8))
def in_a_row(x, y):
    row = cuda.shared.array((2, 8), int64)
    part = row[1]
    part[cuda.threadIdx.x] = 1  # here


# Memory that nobody wrote


@fault(Uninitialized, "s[0] (shared) is read, but nobody has written it")
def reads_shared_memory_that_nobody_wrote(x, y):
    s = cuda.shared.array(64, int64)
    x[cuda.threadIdx.x] = s[0]  # here


@fault(Uninitialized, "tile[3, 7] (shared)", block=(8, 8), at=(0, (7, 3, 0)))
def a_tile_that_is_partly_filled(x, y):
    tile = cuda.shared.array((8, 8), int64)
    i, j = cuda.threadIdx.x, cuda.threadIdx.y
    if not (i == 7 and j == 3):
        tile[j, i] = 1
    cuda.syncthreads()
    y[8 * j + i] = tile[j, i]  # here


@fault(Uninitialized, "acc[1] (local)")
def a_local_array_that_starts_empty(x, y):
    acc = cuda.local.array(2, int64)
    acc[0] = 0
    acc[1] += x[0]  # here


@fault(Uninitialized, "acc[0] (local)", at=(0, 33))
def a_local_array_that_one_lane_never_wrote(x, y):
    acc = cuda.local.array(1, int64)
    t = cuda.threadIdx.x
    if t != 33:
        acc[0] = t
    x[t] = acc[0]  # here


@fault(Uninitialized, "s[5] (shared)", at=(1, 5), grid=2)
def the_tile_of_another_block_does_not_count(x, y):
    s = cuda.shared.array(64, int64)
    i, t = cuda.grid(1), cuda.threadIdx.x
    if i != 64 + 5:
        s[t] = t
    cuda.syncthreads()
    x[i] = s[t]  # here


@fault(Uninitialized, "s[0] (shared)", shared=64)
def dynamic_memory_that_nobody_wrote(x, y):
    s = cuda.shared.array(0, float32)
    x[cuda.threadIdx.x] = s[0]  # here


@fault(Uninitialized, "found[0] (shared)", at=(0, 5))
def an_atomic_on_memory_that_nobody_wrote(x, y):
    found = cuda.shared.array(1, int64)
    if cuda.threadIdx.x >= 5:
        cuda.atomic.add(found, 0, 1)  # here


# Masks of warps


@fault(WrongMask, "the mask does not name this lane", at=(0, 16))
def a_mask_that_leaves_out_half(x, y):
    t = cuda.threadIdx.x
    x[t] = cuda.shfl_down_sync(0xFFFF, t, 1)  # here


@fault(WrongMask, "the mask names lane 16, which does not come here")
def a_full_mask_in_a_branch(x, y):
    t = cuda.threadIdx.x
    if t % 32 < 16:
        x[t] = cuda.shfl_xor_sync(0xFFFFFFFF, t, 1)  # here


@fault(WrongMask, "this lane reads lane 16, which does not take part", at=(0, 15))
def a_shuffle_from_an_inactive_lane(x, y):
    t = cuda.threadIdx.x
    if t < 16:
        x[t] = cuda.shfl_down_sync(0xFFFF, t, 1)  # here


@fault(WrongMask, "the mask names lane 0, which does not come here", at=(0, 1))
def a_syncwarp_that_a_lane_skips(x, y):
    if cuda.threadIdx.x > 0:
        cuda.syncwarp()  # here


@fault(WrongMask, "the mask names lane 31, which does not come here", at=(0, 32))
def a_ballot_without_the_last_lane(x, y):
    t = cuda.threadIdx.x
    if t != 63:
        x[t] = cuda.ballot_sync(0xFFFFFFFF, t > 3)  # here


@fault(WrongMask, "the mask names lane 1, which comes with another mask", block=32)
def lanes_that_name_different_masks(x, y):
    t = cuda.threadIdx.x
    mask = 0b11 if t == 0 else 0b10 if t == 1 else 1 << t
    cuda.syncwarp(mask)  # here


# On request


@fault(DivisionByZero, "division by zero", at=(0, 3), division=True)
def divides_by_zero(x, y):
    t = cuda.threadIdx.x
    y[t] = 1 // (t - 3)  # here


@fault(DivisionByZero, "division by zero", at=(0, 63), division=True)
def takes_a_remainder_by_zero_under_a_mask(x, y):
    t = cuda.threadIdx.x
    if t > 40:
        y[t] = t % (63 - t)  # here


@fault(NotANumber, "not a number", at=(0, 5), nan=True)
def makes_a_nan(x, y):
    t = cuda.threadIdx.x
    v = float32(1e38) * float32(10 if t == 5 else 0)
    y[t] = 1 if v - v > 0 else 2  # here


@fault(EndlessLoop, "stopped after 1,000 iterations", steps=1000)
def never_ends(x, y):
    k = 0
    while k >= 0:  # here
        k += 1


@fault(EndlessLoop, "stopped after 1,000 iterations", at=(0, 9), steps=1000)
def never_ends_for_one_lane(x, y):
    t = cuda.threadIdx.x
    while t >= 9:  # here
        if t > 9:
            t -= 1


@fault(EndlessLoop, "stopped after 500 iterations", at=(0, 1), steps=500)
def waits_for_a_flag_that_nobody_raises(x, y):
    t = cuda.threadIdx.x
    if t == 1:
        while cuda.atomic.add(x, 0, 0) == 0:  # here
            pass
    elif t == 2:
        cuda.atomic.add(x, 0, 1)
