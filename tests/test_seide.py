"""The paper's model beside the paper's tables: the shape, and by how much it promises too much."""

import math

import pytest

from dlpar.frameworks import seide


def test_a_frames_time_is_the_tables_and_between_its_rows_lies_between():
    for frames, seconds in seide.FRAME_SECONDS.items():
        assert math.isclose(seide.frame_seconds(frames), seconds)
    assert math.isclose(seide.frame_seconds(512 * math.sqrt(2)), (137e-6 + 122e-6) / 2)
    assert math.isclose(seide.frame_seconds(128), 156e-6 + 19e-6)
    assert seide.frame_seconds(1e6) == 114e-6


def test_the_model_by_hand():
    # 16,384 / 8 = 2,048 frames in halves of 1,024 at 122 us, and 27.2 ms
    assert math.isclose(seide.step_seconds(16384, 8), 2048 * 122e-6 + 27.2e-3)
    assert math.isclose(seide.frames_a_second(16384, 8), 59_136, rel_tol=1e-3)
    assert math.isclose(seide.frames_a_second(16384, 1), 8_646, rel_tol=1e-3)


@pytest.mark.parametrize("gpus", [1, 8, 16])
def test_at_16k_frames_the_model_is_too_kind_by_at_most_30_percent(gpus):
    over = seide.frames_a_second(16384, gpus) / seide.FRAMES_A_SECOND[gpus, 1][1]
    assert 1 <= over <= 1.3


def test_two_gpus_of_one_machine_are_slower_than_it_knows():
    for (machines, each), measured in seide.FRAMES_A_SECOND.items():
        if each == 2:
            assert seide.frames_a_second(16384, 2 * machines) > 1.3 * measured[1]


def test_it_is_the_kinder_the_more_gpus_there_are():
    for column, frames in enumerate(seide.BATCHES):
        over = [
            seide.frames_a_second(frames, k) / seide.FRAMES_A_SECOND[k, 1][column]
            for k in (1, 8, 16)
        ]
        assert over == sorted(over)


def test_eight_gpus_were_3_6_and_6_3_times_as_fast_and_the_model_is_near():
    for column, (frames, paper) in enumerate(zip(seide.BATCHES, (3.6, 6.3), strict=True)):
        measured = [seide.FRAMES_A_SECOND[k, 1][column] for k in (8, 1)]
        assert math.isclose(measured[0] / measured[1], paper, rel_tol=0.01)
        assert paper < seide.speedup(frames, 8) < 1.3 * paper


def test_bits_raise_the_number_of_gpus_that_are_kept_busy():
    least, most = seide.BIT_EXCHANGE_SECONDS
    work = 8192 * 114e-6 + 9.2e-3
    assert math.isclose(seide.best_gpus(16384, most), work / 1e-3)
    assert math.isclose(seide.best_gpus(16384, seide.BITS * most), work / 311e-3)
    assert seide.best_gpus(16384, least) == math.inf
    assert seide.best_gpus(1024, seide.BITS * most) < 1 < seide.best_gpus(1024, most)
