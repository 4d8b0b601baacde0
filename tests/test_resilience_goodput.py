"""The best interval between checkpoints, on paper, in simulation, and with real kills."""

import math
import os
from itertools import pairwise

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlpar.resilience.goodput import (
    LLAMA3,
    daly_interval,
    episodes,
    expected_goodput,
    failing_goodput,
    peak,
    simulated_goodput,
    system_mtbf,
    young_interval,
)
from dlpar.resilience.kills import train_under_kills

around = np.geomspace(1 / 2.5, 2.5, 9)


@pytest.mark.parametrize("ratio", [1e-4, 1e-2, 0.1])
def test_dalys_interval_is_where_the_expected_goodput_is_highest(ratio):
    delta, mtbf = ratio * 1000, 1000.0
    tau = np.linspace(0.3, 3, 20001) * young_interval(delta, mtbf)
    best = tau[np.argmax(expected_goodput(tau, delta, mtbf, restart=50))]
    assert daly_interval(delta, mtbf) == pytest.approx(best, rel=0.01)
    assert young_interval(delta, mtbf) == pytest.approx(best, rel=ratio**0.5)
    assert daly_interval(3000, 1000) == 1000


@given(tau=st.floats(0.1, 9), delta=st.floats(0, 5), restart=st.floats(0, 5))
def test_expected_goodput_tends_to_the_share_of_work_where_nothing_fails(tau, delta, restart):
    assert expected_goodput(tau, delta, 1e9, restart) == pytest.approx(tau / (tau + delta))


@pytest.mark.parametrize("restart", [0.0, 30.0, 300.0])  # the last fails often itself
def test_a_failing_training_has_the_expected_goodput(restart):
    delta, mtbf = 10.0, 500.0
    gaps = np.random.default_rng(0).exponential(mtbf, 200_000)
    for tau in (20.0, 100.0, 400.0):
        wanted = expected_goodput(tau, delta, mtbf, restart)
        assert failing_goodput(tau, delta, restart, gaps) == pytest.approx(wanted, rel=0.02)


@pytest.mark.parametrize("delta", [2.0, 20.0, 60.0])
@pytest.mark.parametrize("restart", [0.0, 40.0])
def test_measured_goodput_peaks_where_young_and_daly_say(delta, restart):
    mtbf = 1000.0
    gaps = np.random.default_rng(1).exponential(mtbf, 20_000)
    young, daly = young_interval(delta, mtbf), daly_interval(delta, mtbf)
    intervals = daly * around
    found = peak(intervals, [failing_goodput(t, delta, restart, gaps) for t in intervals])
    assert found == pytest.approx(daly, rel=0.2)
    assert found == pytest.approx(young, rel=0.2 if delta < 40 else 0.3)
    with pytest.raises(ValueError, match="no top"):  # were checkpoints free, the shortest is best
        peak(intervals, [failing_goodput(t, 0.0, restart, gaps) for t in intervals])


@pytest.mark.parametrize("delta", [1.0, 10.0, 40.0])
@pytest.mark.parametrize("restart", [0.0, 100.0, 300.0])
def test_at_the_best_interval_failures_take_a_root_of_the_checkpoint_and_the_restart(
    delta, restart
):
    mtbf = 10_000.0
    best = expected_goodput(daly_interval(delta, mtbf), delta, mtbf, restart)
    first, second = math.sqrt(2 * delta / mtbf), restart / mtbf
    assert 1 - best == pytest.approx(first + second, abs=(first + second) ** 2)


@given(
    tau=st.floats(1, 90),
    delta=st.floats(0, 9),
    restart=st.floats(0, 30),
    gaps=st.lists(st.floats(0.1, 200), min_size=1, max_size=9),
)
def test_episodes_fill_the_time_and_what_lasts_is_the_goodput(tau, delta, restart, gaps):
    told = episodes(tau, delta, restart, gaps)
    assert told[0][1] == 0
    assert told[-1][2] == pytest.approx(sum(gaps))
    assert all(a[2] == pytest.approx(b[1]) for a, b in pairwise(told))
    lasts = sum(end - start for what, start, end in told if what == "work")
    ours = failing_goodput(tau, delta, restart, gaps) * sum(gaps)
    assert lasts == pytest.approx(ours, abs=1e-6) or abs(lasts - ours) == pytest.approx(tau)


def test_ranks_that_are_killed_in_simulate_have_the_same_goodput():
    gaps = np.random.default_rng(2).exponential(100.0, 25)
    for tau in (10.0, 37.0):
        quick = failing_goodput(tau, 3.0, 5.0, gaps)
        assert simulated_goodput(tau, 3.0, 5.0, gaps) == pytest.approx(quick, rel=1e-9)
        assert quick > 0.3


def test_llama_3_was_stopped_every_three_hours_and_ten_times_the_gpus_would_be_ten_times_as_often():
    assert LLAMA3.mtbf / 3600 == pytest.approx(3.09, abs=0.01)
    larger = system_mtbf(LLAMA3.gpu_mtbf, 10 * LLAMA3.gpus)
    assert larger == pytest.approx(LLAMA3.mtbf / 10)
    for delta in (10, 60, 300):
        at = [
            expected_goodput(daly_interval(delta, m), delta, m, 300) for m in (LLAMA3.mtbf, larger)
        ]
        assert at[0] > at[1]


def test_what_makes_no_sense_is_refused():
    for wrong in (0, -1, math.nan):
        with pytest.raises(ValueError, match="delta"):
            young_interval(wrong, 1)
        with pytest.raises(ValueError, match="mtbf"):
            daly_interval(1, wrong)
    with pytest.raises(ValueError, match="no top"):
        peak([1, 2, 3], [1, 2, 3])
    with pytest.raises(ValueError, match="at least"):
        train_under_kills(5, 0, [])
    with pytest.raises(ValueError, match="gap"):
        train_under_kills(None, 1, [])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="real kills need fork")
def test_a_training_that_is_killed_ends_with_the_bits_of_one_that_is_not():
    calm = train_under_kills(600, 7, [])
    gaps = np.random.default_rng(3).exponential(0.05, 8)
    killed = train_under_kills(600, 7, gaps)
    assert (calm.saved, calm.lost) == (600, [])
    assert killed.saved == 600
    assert killed.params.tobytes() == calm.params.tobytes()
    assert len(killed.lost) >= 2
    assert all(0 <= lost <= 7 for lost in killed.lost)
    assert killed.restart > 0
    assert not [
        p for p in psutil.process_iter(["cmdline"]) if "dlpar.resilience.kills" in str(p.info)
    ]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="real kills need fork")
def test_a_training_without_end_is_ended_at_its_limit_and_leaves_nothing():
    with pytest.raises(TimeoutError, match="within 3 s"):
        train_under_kills(None, 10, [60.0], timeout=3)
    assert not [
        p for p in psutil.process_iter(["cmdline"]) if "dlpar.resilience.kills" in str(p.info)
    ]
