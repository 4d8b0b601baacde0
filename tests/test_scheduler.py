"""Jobs, clusters and placements, and what every schedule keeps: gangs, GPUs, work, the seed."""

import math
from itertools import pairwise

import numpy as np
import pytest

from dlpar.scheduler import (
    Cluster,
    Counters,
    Exact,
    Job,
    Start,
    Stop,
    backfill,
    consolidated,
    fewest_attained,
    fifo,
    gpu_cluster,
    job_stream,
    pack,
    random_placement,
    schedule,
    spread,
    spread_sockets,
    step_seconds,
    time_slicing,
)

SMALL = gpu_cluster(2)  # 2 nodes of 2 sockets of 2 switches of 2 GPUs


def stream(count=60, seed=0, **settings):
    return job_stream(count, 16, np.random.default_rng(seed), **settings)


POLICIES = {
    "fifo, pack": lambda: fifo(pack),
    "fifo, spread": lambda: fifo(spread),
    "fifo, spread over sockets": lambda: fifo(spread_sockets),
    "fifo, random": lambda: fifo(random_placement(np.random.default_rng(1))),
    "backfill": lambda: backfill(pack),
    "2D-LAS": lambda: fewest_attained(consolidated()),
    "time-slicing": lambda: time_slicing(pack, every=600.0),
    "packing": lambda: time_slicing(pack, every=600.0, share=2),
}


@pytest.fixture(scope="module", params=POLICIES, name="done")
def schedule_of_each_policy(request):
    return schedule(stream(), SMALL, POLICIES[request.param](), Counters, resume=5.0)


def test_every_job_ends_once_and_no_step_is_lost(done):
    assert sorted(done.ended) == list(range(60))
    steps = np.zeros(60)
    for stint in done.stints:
        steps[stint.job] += stint.steps
    np.testing.assert_allclose(steps, [job.steps for job in done.jobs], rtol=1e-9)


def test_a_gang_holds_all_its_gpus_or_none(done):
    for stint in done.stints:
        assert len(stint.gpus) == len(set(stint.gpus)) == done.jobs[stint.job].gpus
        assert stint.end >= stint.start >= done.jobs[stint.job].arrival


def test_no_gpu_is_held_twice_or_where_jobs_are_packed_thrice(done, request):
    holders = {}
    share = 1 + (request.node.callspec.params["done"] == "packing")
    changes = [(start, 1, gpu) for gpu, _, start, _ in done.occupancy()]
    changes += [(end, -1, gpu) for gpu, _, _, end in done.occupancy()]
    most = 0
    for _, change, gpu in sorted(changes):
        holders[gpu] = holders.get(gpu, 0) + change
        most = max(most, holders[gpu])
    assert most == share


def test_the_same_seed_gives_the_same_schedule(done, request):
    policy = POLICIES[request.node.callspec.params["done"]]()
    again = schedule(stream(), SMALL, policy, Counters, resume=5.0)
    assert again.stints == done.stints
    assert again.samples == done.samples


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("contention", [Exact, Counters])
def test_busy_gpu_seconds_are_the_work(policy, contention):
    """Jobs that exchange and read nothing: held = work, and what loading took."""
    jobs = [Job(job.gpus, job.steps, job.compute, arrival=job.arrival) for job in stream()]
    done = schedule(jobs, SMALL, POLICIES[policy](), contention, resume=5.0)
    loading = math.fsum(len(s.gpus) * s.loading for s in done.stints)
    assert done.held == pytest.approx(sum(job.work for job in jobs) + loading, rel=1e-9)
    assert (loading > 0) == (len(done.stints) > len(jobs))


def test_with_exchanges_a_lonely_jobs_gpus_are_busy_for_its_steps():
    job = stream()[5]
    job = Job(4, 100, job.compute, job.nbytes, batch_bytes=job.batch_bytes)
    done = schedule([job], SMALL, fifo(pack))
    (stint,) = done.stints
    assert done.held == pytest.approx(4 * 100 * step_seconds(job, stint.gpus, SMALL), rel=1e-9)


def test_pack_takes_the_fullest_place_that_has_room_and_spread_the_emptiest():
    free = [gpu for gpu in SMALL.gpus if gpu not in {"rack0.node0.gpu0", "rack0.node1.gpu0"}]
    free.remove("rack0.node1.gpu4")
    one, two, six = (Job(k, 1, 1.0) for k in (1, 2, 6))
    assert pack(one, free, SMALL) == ["rack0.node1.gpu1"]
    assert pack(two, free, SMALL) == ["rack0.node1.gpu2", "rack0.node1.gpu3"]
    assert {SMALL.places[g].node for g in pack(six, free, SMALL)} == {"rack0.node1"}
    assert spread(one, free, SMALL) == ["rack0.node0.gpu4"]
    assert {SMALL.places[g].node for g in spread(two, SMALL.gpus, SMALL)} == {
        "rack0.node0",
        "rack0.node1",
    }
    sockets = {SMALL.places[g].socket for g in spread_sockets(two, SMALL.gpus, SMALL)}
    assert sockets == {"rack0.node0.root0", "rack0.node0.root1"}


def test_a_decision_that_cannot_be_is_refused_by_name():
    jobs = [Job(2, 1, 1.0, name="a"), Job(2, 1, 1.0, name="b")]

    def twice(view):
        for entry in view.waiting:
            yield Start(entry, SMALL.gpus[:2])

    def half(view):
        for entry in view.waiting:
            yield Start(entry, SMALL.gpus[:1])

    def ghost(view):
        for entry in view.waiting:
            yield Stop(entry)

    with pytest.raises(ValueError, match=r"b is given rack0\.node0\.gpu0, held by a"):
        schedule(jobs, SMALL, twice)
    with pytest.raises(ValueError, match="a needs 2 different GPUs at once"):
        schedule(jobs, SMALL, half)
    with pytest.raises(ValueError, match="a is stopped and does not run"):
        schedule(jobs, SMALL, ghost)
    with pytest.raises(RuntimeError, match="starts nothing on an idle cluster: a, b wait"):
        schedule(jobs, SMALL, lambda view: [])
    with pytest.raises(ValueError, match="big asks for 17 of 16 GPUs"):
        schedule([Job(17, 1, 1.0, name="big")], SMALL, fifo(pack))


def test_a_stream_has_the_load_that_was_asked_for():
    jobs = stream(20_000, load=0.5, sigma=0.5)
    offered = sum(job.work for job in jobs) / (16 * jobs[-1].arrival)
    assert offered == pytest.approx(0.5, rel=0.05)
    assert all(job.gpus & (job.gpus - 1) == 0 for job in jobs)
    assert [job.arrival for job in jobs] == sorted(job.arrival for job in jobs)


def test_places_follow_from_the_presets_names():
    from dlpar.world.presets import dgx1, dgx2, fat_tree, pcie_nodes

    tree = Cluster(pcie_nodes(2))
    assert tree.places["node1.gpu5"] == ("node1.pcie2", "node1.root1", "node1", "")
    assert [tree.distance("node0.gpu0", f"node0.gpu{i}") for i in (0, 1, 2, 4)] == [0, 1, 2, 3]
    assert Cluster(dgx1()).places["gpu7"] == ("pcie3", "root1", "", "")
    assert len(Cluster(dgx2()).rooms["node"]) == 1
    racks = Cluster(fat_tree(2, 3))
    assert {len(room) for room in racks.rooms["rack"].values()} == {3}
    assert len(racks.rooms["node"]) == 6


def test_least_service_lets_short_jobs_pass_and_starves_no_long_one():
    long = Job(16, 20_000, 1.0, name="long")
    short = [Job(16, 300, 1.0, arrival=400.0 * i, name=f"short{i}") for i in range(1, 100)]
    first = schedule([long, *short], SMALL, fifo(pack), Counters)
    fair = schedule([long, *short], SMALL, fewest_attained(pack), Counters)
    assert fair.summary()["median JCT"] < 0.1 * first.summary()["median JCT"]
    stints = [s for s in fair.stints if s.job == 0]
    assert len(stints) > 2
    gaps = [b.start - a.end for a, b in pairwise(stints)]
    assert max(gaps) < 8 * 20_000
