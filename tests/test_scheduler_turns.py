"""Who takes turns, who goes first, and who shares a GPU: each against a closed form."""

from itertools import pairwise

import numpy as np
import pytest

from dlpar.scheduler import (
    Counters,
    Job,
    Start,
    fewest_attained,
    fifo,
    gpu_cluster,
    job_stream,
    pack,
    schedule,
    time_slicing,
)

SMALL = gpu_cluster(2)  # 16 GPUs


def stints_of(done, number):
    return [stint for stint in done.stints if stint.job == number]


def test_jobs_that_fill_the_cluster_take_turns_of_equal_length():
    jobs = [Job(16, 500, 1.0, name=f"job{i}") for i in range(5)]
    done = schedule(jobs, SMALL, time_slicing(pack, every=100.0), Counters)
    assert [stint.job for stint in done.stints] == list(range(5)) * 5
    assert {round(stint.end - stint.start, 6) for stint in done.stints} == {100.0}
    for number in range(5):
        gaps = [b.start - a.end for a, b in pairwise(stints_of(done, number))]
        assert gaps == pytest.approx([400.0] * 4)


@pytest.mark.parametrize("seed", range(3))
def test_with_turns_a_job_starts_after_no_more_rounds_than_were_ever_in_front_of_it(seed):
    """Each round starts at least one of those in front, and one may begin right after a round."""
    every = 300.0
    jobs = job_stream(80, 16, np.random.default_rng(seed), load=3.0, sizes={1: 0.6, 4: 0.2, 8: 0.2})
    done = schedule(jobs, SMALL, time_slicing(pack, every=every), Counters)
    first = [min(stint.start for stint in stints_of(done, i)) for i in range(len(jobs))]
    for number, job in enumerate(jobs):
        ahead = max(row[3] for row in done.samples if row[0] <= first[number])
        assert first[number] - job.arrival <= (2 + ahead) * every
    waited = max(start - job.arrival for start, job in zip(first, jobs, strict=True))
    in_order = schedule(jobs, SMALL, fifo(pack), Counters)
    assert every / 2 < waited < 0.5 * max(in_order.waiting)  # else the test proves nothing


def test_a_job_that_has_waited_promote_times_what_it_ran_is_served_in_the_next_round():
    every, promote = 360.0, 4.0
    long = Job(16, 20_000, 1.0, name="long")
    short = [Job(16, 200, 1.0, arrival=190.0 * i, name=f"short{i}") for i in range(1, 200)]
    policy = fewest_attained(pack, every=every, promote=promote)
    done = schedule([long, *short], SMALL, policy, Counters)
    ran, waits = 0.0, []
    for stint, after in pairwise(stints_of(done, 0)):
        ran += stint.end - stint.start
        gap = after.start - stint.end
        if after.start < short[-1].arrival:
            assert gap <= promote * ran + every
            waits.append(gap / (promote * ran))
    assert len(waits) > 1
    assert max(waits) > 1  # it was passed until it was promoted


def test_without_promotion_the_long_job_waits_for_all_the_short_ones():
    long = Job(16, 20_000, 1.0, name="long")
    short = [Job(16, 200, 1.0, arrival=190.0 * i, name=f"short{i}") for i in range(1, 100)]
    policy = fewest_attained(pack, promote=float("inf"))
    done = schedule([long, *short], SMALL, policy, Counters)
    (first, then, *_) = stints_of(done, 0)
    assert then.start - first.end > 99 * 190.0 - 2 * 360.0


class Together:
    """Starts all on the first GPU."""

    share = 2

    def __call__(self, view):
        for entry in view.waiting:
            yield Start(entry, SMALL.gpus[:1])


def test_a_gpu_computes_for_its_two_jobs_in_turn_and_for_the_one_that_is_left_alone():
    jobs = [Job(1, 20, 2.0, name="a"), Job(1, 10, 1.0, name="b")]
    done = schedule(jobs, SMALL, Together(), Counters)
    assert done.ended == {0: pytest.approx(50.0), 1: pytest.approx(30.0)}
    assert [stint.gpus for stint in done.stints] == [SMALL.gpus[:1]] * 2


def test_a_third_job_is_refused_the_gpu_by_name():
    jobs = [Job(1, 20, 2.0, name=name) for name in "abc"]
    with pytest.raises(ValueError, match=r"c is given rack0\.node0\.gpu0, held by a and b"):
        schedule(jobs, SMALL, Together(), Counters)


def test_only_jobs_that_leave_each_other_time_to_compute_share_gpus():
    busy = [Job(16, 100, 1.0, name=name) for name in "ab"]
    reads = [Job(16, 100, 0.01, batch_bytes=19e6, name=name) for name in "ab"]
    for jobs, most in ((busy, 1), (reads, 2)):
        done = schedule(jobs, SMALL, time_slicing(pack, share=2), Counters)
        (a, b) = (stints_of(done, number)[0] for number in (0, 1))
        assert 1 + (b.start < a.end) == most


def test_packing_gets_more_work_out_of_a_cluster_with_a_backlog():
    cluster, got = gpu_cluster(4), {}
    for seed in (1, 2, 3):
        jobs = job_stream(
            150, 32, np.random.default_rng(seed), 3.0, median=900.0, sigma=0.5,
            sizes={1: 0.5, 2: 0.15, 4: 0.15, 8: 0.2},
        )  # fmt: skip
        for name, policy in {
            "fifo": fifo(pack),
            "turns": time_slicing(pack, 300.0),
            "packing": time_slicing(pack, 300.0, share=2),
        }.items():
            done = schedule(jobs, cluster, policy, Counters, resume=1.0)
            got.setdefault(name, []).append(done.goodput)
    assert np.all(np.divide(got["packing"], got["turns"]) > 1.03)
    assert np.all(np.divide(got["packing"], got["fifo"]) > 1.15)
