from functools import partial

import numpy as np
import pytest

from dlpar import simulate
from dlpar.collectives import (
    chain_broadcast,
    double_tree_allreduce,
    leader_allreduce,
    pairwise_alltoall,
    ring_allgather,
    ring_allreduce,
    ring_reduce_scatter,
    tree_reduce,
)
from dlpar.collectives.costs import ALLREDUCES, OTHERS
from dlpar.collectives.report import (
    COLLECTIVES,
    bus_factor,
    mpi_allreduce,
    virtual_report,
    wall_report,
)
from dlpar.rulers import Wall
from dlpar.world import Network
from dlpar.world.presets import pcie_nodes

RINGS = [ring_allreduce, ring_reduce_scatter, ring_allgather, pairwise_alltoall]


def test_factors_are_those_of_nccl_tests():
    assert [bus_factor(f, 8) for f in RINGS] == [7 / 4, 7 / 8, 7 / 8, 7 / 8]
    assert bus_factor(double_tree_allreduce, 8) == bus_factor(mpi_allreduce, 8) == 7 / 4
    assert bus_factor(tree_reduce, 8) == bus_factor(chain_broadcast, 8) == 1
    with pytest.raises(ValueError, match="no bus factor is known for max"):
        bus_factor(max, 8)


@pytest.mark.parametrize("p", [2, 5, 16])
def test_a_rings_bus_bandwidth_is_the_links_whatever_p_if_only_bytes_cost(p):
    report = virtual_report([1_000_000], p, Network(alpha=0, beta=1e-10), RINGS)
    for line in report.lines:
        assert line.busbw == pytest.approx(1e10)
        assert line.algbw == pytest.approx(line.nbytes / line.time)


def test_every_collective_and_mpis_own_has_a_line_at_every_size():
    report = virtual_report([0, 4000], 4)
    assert {f.__name__ for f in COLLECTIVES} == {f.__name__ for f in [*ALLREDUCES, *OTHERS]} | {
        "mpi_allreduce",
        "pipelined_ring_allreduce",
    }
    names = [f.__name__ for f in COLLECTIVES]
    assert [(line.collective, line.nbytes) for line in report.lines] == [
        (name, size) for size in (0, 4000) for name in names
    ]
    for line in report.lines[: len(names)]:
        assert line.algbw == 0 < line.time


def test_sizes_are_cut_to_whole_elements_which_ranks_need_not_share_evenly():
    for size, whole in [(1001, 1000), (8, 8)]:
        lines = virtual_report([size], 3, collectives=RINGS).lines
        assert [line.nbytes for line in lines] == [whole] * len(RINGS)


def test_it_reads_as_text_and_in_a_notebook():
    report = virtual_report([4000], 4, Network(alpha=1e-6, beta=1e-9), [ring_allreduce])
    title, heads, line = repr(report).splitlines()
    assert title == "◆ virtual, 4 ranks"
    assert heads.split() == ["collective", "size", "time", "algbw", "busbw"]
    cells = [text.strip() for text in line.split("  ") if text]
    assert cells == ["ring_allreduce", "4.00 kB", "12.0 µs", "333 MB/s", "500 MB/s"]
    page = report._repr_html_()
    assert all(text in page for text in ("ring_allreduce", "12.0 µs", "500 MB/s", "virtual"))


def test_options_are_given_by_a_partial_and_told():
    by_node = partial(leader_allreduce, node_size=8)
    fits, _ = virtual_report([8000], 16, pcie_nodes(2), [by_node, leader_allreduce]).lines
    assert fits.collective == "leader_allreduce(node_size=8)"
    wanted = simulate(lambda c: by_node(np.ones(2000, np.float32), c), 16, network=pcie_nodes(2))
    assert fits.time == wanted.time
    assert bus_factor(by_node, 16) == 15 / 8


def test_alone_there_is_no_bandwidth_to_speak_of():
    (line,) = virtual_report([4000], 1, collectives=[ring_allreduce]).lines
    assert line.time == 0
    assert np.isnan(line.algbw)


@pytest.mark.parametrize("p", [1, 3])
def test_mpis_own_sums_as_the_others_do(p):
    x = np.arange(6.0)[::2]
    for got in simulate(lambda comm: mpi_allreduce(x, comm), ranks=p).results:
        np.testing.assert_array_equal(got, p * x, strict=True)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (([], 2), "one or more sizes"),
        (([8, -1], 2), "at least 0 bytes"),
        (([8], 0), "ranks as an integer"),
        (([8], 2, None, [max]), "no bus factor"),
    ],
)
def test_what_cannot_be_reported_is_refused(arguments, complaint):
    with pytest.raises(ValueError, match=complaint):
        virtual_report(*arguments)


@pytest.mark.mpi
def test_real_processes_give_wall_times():
    report = wall_report([4096], 2, repeats=3, collectives=[ring_allreduce, mpi_allreduce])
    assert report.kind == "wall"
    for line in report.lines:
        assert isinstance(line.time, Wall)
        assert line.time.repeats == 3
        assert 0 < line.time.median < 1
        assert line.algbw == line.busbw == pytest.approx(4096 / line.time.median)
    assert "2 ranks, 3 runs" in repr(report)
    assert "IQR" in report._repr_html_()
