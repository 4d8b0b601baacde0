"""Data sheets agree with themselves; occupancy and bounds are those worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlpar.gpu import cuda, float32, profile
from dlpar.gpu.cards import A100, CARDS, H100, T4, V100, occupancy


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_a_peak_is_two_operations_a_core_and_clock(card):
    made = card.multiprocessors * card.fp32_cores * 2 * card.clock
    assert made == pytest.approx(card.fp32, rel=0.01)  # sheets round to three digits


def test_a_v100_s_tensor_peak_is_that_of_640_tensor_cores_of_64_fma():
    assert pytest.approx(V100.fp16_tensor, rel=0.01) == 640 * 64 * 2 * V100.clock


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_a_card_shows_its_sheet_as_quoted_with_its_source(card):
    assert "▲ quoted" in repr(card)
    assert card.source in repr(card)
    assert card.name in card._repr_html_()


@pytest.mark.parametrize(
    ("card", "threads", "registers", "shared", "blocks", "limiter"),
    [
        (V100, 256, 32, 0, 8, "warps"),
        (V100, 256, 37, 0, 6, "registers"),  # 1280 a warp; 12 of them in each quarter of 16,384
        (V100, 256, 64, 0, 4, "registers"),
        (V100, 32, 16, 0, 32, "blocks"),
        (V100, 1024, 255, 0, 0, "registers"),
        (V100, 128, 16, 33 * 1024, 2, "shared memory"),
        (T4, 256, 32, 0, 4, "warps"),
        (T4, 32, 32, 0, 16, "blocks"),
        (V100, 96, 37, 0, 16, "registers"),  # 48 warps, not 65,536 / 1280 = 51
        (A100, 128, 32, 41 * 1024, 3, "shared memory"),  # 42 KiB each, with the system's share
        (H100, 128, 32, 57 * 1024, 3, "shared memory"),
        (A100, 1000, 32, 0, 2, "warps"),
    ],
)
def test_occupancy_is_that_worked_out_by_hand(card, threads, registers, shared, blocks, limiter):
    found = occupancy(card, threads, registers, shared)
    assert (found.blocks, found.limiter) == (blocks, limiter)
    assert found.warps == blocks * -(-threads // 32)
    assert found.occupancy == found.warps / card.max_warps
    assert limiter in repr(found)


@given(st.sampled_from(CARDS), st.integers(1, 1024), st.integers(0, 255), st.integers(0, 49152))
def test_what_occupancy_holds_fits_and_one_block_more_does_not(card, threads, registers, shared):
    found = occupancy(card, threads, registers, shared)
    warps = -(-threads // 32)

    def fits(blocks):
        return (
            blocks <= card.max_blocks
            and blocks * warps <= card.max_warps
            and blocks * (shared + card.shared_reserved) <= card.shared
            and blocks * warps * registers * 32 <= card.registers
        )

    assert fits(found.blocks)
    # Rounding up to units can cost one block at most where units are small against what is asked.
    exact = found.limiter in ("warps", "blocks") or registers % 8 == shared % 256 == 0
    if exact and found.limiter != "registers":
        assert not fits(found.blocks + 1)


@pytest.mark.parametrize("wrong", [(0, 32, 0), (1025, 32, 0), (32, 256, 0), (32, 32, -1)])
def test_impossible_blocks_are_refused(wrong):
    with pytest.raises(ValueError, match="got"):
        occupancy(V100, *wrong)


@cuda.jit
def scale(x, times):
    i = cuda.grid(1)
    value = x[i]
    for _ in range(times):
        value = value * float32(2)
    x[i] = value


@cuda.jit
def column(x):
    tile = cuda.shared.array((32, 32), float32)
    t = cuda.threadIdx.x
    for k in range(32):
        tile[t, k] = float32(0)
    x[t] = tile[t, 0]


def test_a_bound_is_the_highest_roof_and_names_it():
    x = np.ones(1024, np.float32)
    few, many = (profile(scale[8, 128], x, times).estimate(V100) for times in (1, 1000))
    assert few.binds == "DRAM"
    assert few.time == few.roofs["DRAM"] == 2 * 4096 / 900e9
    assert many.binds == "FP32"
    assert many.time == 1024 * 1000 / 15.7e12
    assert "lower bound" in repr(few)
    assert "DRAM binds" in repr(few)
    assert "◆ virtual" in repr(few)


def test_bank_conflicts_raise_the_roof_of_shared_memory():
    found = profile(column[1, 32], np.zeros(32, np.float32)).estimate(T4)
    assert found.binds == "shared memory"
    passes = 33 * 32  # 33 requests, each to one bank
    assert found.time == pytest.approx(passes / (40 * 1.59e9))


def test_a_cache_of_the_card_lowers_its_dram_roof():
    @cuda.jit
    def again(x, out):
        i = cuda.grid(1)
        for _ in range(10):
            out[i] = x[i]

    x = np.zeros(1024, np.float32)
    bare = profile(again[8, 128], x, x.copy()).estimate(V100)
    cached = profile(again[8, 128], x, x.copy(), l2=V100.l2).estimate(V100)
    assert bare.roofs["DRAM"] == pytest.approx(10 * cached.roofs["DRAM"])
    assert "no cache" in bare.note
    assert f"{V100.l2:,}" in cached.note
