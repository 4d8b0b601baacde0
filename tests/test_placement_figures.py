"""The occupancy of a cluster and the matrix of slow-downs: drawn as the schedule says."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from dlpar.figures import occupancy, slow_downs
from dlpar.scheduler import (
    Counters,
    Job,
    fifo,
    gpu_cluster,
    job_stream,
    pack,
    schedule,
    spread,
    time_slicing,
)

SVG = "{http://www.w3.org/2000/svg}"
CLUSTER = gpu_cluster(2)
ODD = ["<a> & b", "talks"]


def parsed(figure, tmp_path):
    figure.save(tmp_path / "figure.svg")
    return ElementTree.parse(tmp_path / "figure.svg").getroot()


def by_class(root, kind):
    return [e for e in root.iter() if kind in e.get("class", "").split()]


def boxes(shape):
    """Return rows (x, y, width, height) of a path of boxes."""
    numbers = re.findall(r"M([-\d.]+) ([-\d.]+)h([-\d.]+)v([-\d.]+)h[-\d.]+z", shape.get("d"))
    return np.array(numbers, float)


def three_jobs():
    """Two jobs that fill a node each, for 1 h and 2 h, and one that waits for the first."""
    late = Job(4, 3600, 1.0, arrival=1800.0, name="c")
    jobs = [Job(8, 3600, 1.0, name="<one>"), Job(8, 7200, 1.0, name="b"), late]
    return schedule(jobs, CLUSTER, fifo(pack))


def stream(placement=spread):
    jobs = job_stream(40, 16, np.random.default_rng(0), load=1.0)
    return schedule(jobs, CLUSTER, fifo(placement), Counters)


FIGURES = {
    "occupancy": lambda: occupancy(stream()),
    "a part": lambda: occupancy(stream(), 1000.0, 3000.0),
    "slow_downs": lambda: slow_downs(ODD, [[1.0, 1.25], [1.5, 2.0]]),
    "none": lambda: slow_downs(["alone"], [[1.0]]),
}
each = pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)


@each
def test_a_figure_is_well_formed_repeatable_and_inside_its_picture(draw, tmp_path):
    figure = draw()
    root = parsed(figure, tmp_path)
    assert root.find(f"{SVG}title").text == figure.alt
    assert ElementTree.fromstring(figure._repr_html_()).get("aria-label") == figure.alt
    assert draw()._repr_html_() == figure._repr_html_()
    assert not re.search(r"\sid=|url\(#|fill:\s*(black|white|#fff|#000)", figure.drawing())
    assert ["".join(e.itertext()) for e in by_class(root, "ruler")] == ["virtual"]
    panel = figure.panels[0]
    for words in root.find(f"{SVG}svg").iter(f"{SVG}text"):
        assert -1 <= float(words.get("x")) <= panel.width
        assert 0 <= float(words.get("y")) <= panel.height


def test_each_stint_covers_its_gpus_for_as_long_as_it_held_them(tmp_path):
    done = stream()
    shapes = by_class(parsed(occupancy(done), tmp_path), "stint")
    assert len(shapes) == len(done.stints)
    drawn = [boxes(shape) for shape in shapes]
    edge = max((b[:, 0] + b[:, 2]).max() for b in drawn)
    scale = (edge - 64.0) / max(done.ended.values())
    row = min(288.0 / 16, 14.0)
    for stint, found in zip(done.stints, drawn, strict=True):
        assert found[:, 3].sum() == pytest.approx(row * len(stint.gpus), abs=0.1)
        np.testing.assert_allclose(found[:, 0], 64.0 + scale * stint.start, atol=0.02)
        wide = max(scale * (stint.end - stint.start), 0.3)
        np.testing.assert_allclose(found[:, 2], wide, atol=0.02)
        rows = {round((y - 30.0) / row + k) for _, y, _, h in found for k in range(round(h / row))}
        assert rows == {CLUSTER.order[gpu] for gpu in stint.gpus}


def test_a_guest_has_half_of_its_hosts_rows_and_a_gpu_with_two_jobs_is_held_once(tmp_path):
    jobs = [Job(16, 100, 1.0, nbytes=4e9), Job(16, 50, 1.0, nbytes=4e9)]
    done = schedule(jobs, CLUSTER, time_slicing(pack, every=1e6, share=2))
    guest, host = done.stints  # the shorter one ends first
    assert (guest.job, host.job, guest.start) == (1, 0, 0.0)
    figure = occupancy(done)
    drawn = [boxes(shape) for shape in by_class(parsed(figure, tmp_path), "stint")]
    row = 14.0
    np.testing.assert_allclose(drawn[0][:, 3], row / 2)
    np.testing.assert_allclose(drawn[0][:, 1], 30.0 + row * (np.arange(16) + 0.5))
    np.testing.assert_allclose(drawn[1][:, 3], [16 * row])
    assert "100 % of the time" in figure.alt


def test_no_two_boxes_lie_on_one_another(tmp_path):
    shapes = by_class(parsed(occupancy(stream(pack)), tmp_path), "stint")
    drawn = np.concatenate([boxes(shape) for shape in shapes])
    for i, (x, y, w, h) in enumerate(drawn):
        later = drawn[i + 1 :]
        apart = (later[:, 0] >= x + w - 0.32) | (later[:, 0] + later[:, 2] <= x + 0.32)
        apart |= (later[:, 1] >= y + h - 0.02) | (later[:, 1] + later[:, 3] <= y + 0.02)
        assert apart.all()


def test_the_words_tell_jobs_hours_share_and_queue():
    words = occupancy(three_jobs()).alt
    # 8 h + 16 h + 4 h of 16 GPUs in 2 h; the third waits from 0.5 h to 1 h.
    assert words == (
        "Occupancy, virtual time: 3 jobs on 16 GPUs from 0 h to 2 h; 88 % of the time of the GPUs "
        "is held; 0.2 jobs wait on average, 1 at most."
    )
    part = occupancy(three_jobs(), 0.0, 3600.0).alt
    assert "2 jobs on 16 GPUs from 0 h to 1 h; 100 %" in part
    assert "0.5 jobs wait on average" in part
    assert "1.0 jobs wait on average" in occupancy(three_jobs(), 2700.0, 3600.0).alt


def test_a_job_keeps_its_hue_and_names_cannot_break_the_picture(tmp_path):
    shapes = by_class(parsed(occupancy(three_jobs()), tmp_path), "stint")
    told = {shape.find(f"{SVG}title").text.split(":")[0]: shape.get("fill") for shape in shapes}
    assert told == {"<one>": "var(--h0)", "b": "var(--h1)", "c": "var(--h2)"}


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match=r"start before end, got 5\.0 and 5\.0"):
        occupancy(three_jobs(), 5.0, 5.0)
    large = gpu_cluster(33)
    with pytest.raises(ValueError, match="at most 256 GPUs, the cluster has 264"):
        occupancy(schedule([Job(1, 1, 1.0)], large, fifo(pack)))
    for wrong in ([[1.0, 1.0]], [[1.0], [1.0]]):
        with pytest.raises(ValueError, match="2 x 2 numbers"):
            slow_downs(["a", "b"], wrong)


def test_the_greatest_slow_down_is_deepest_and_all_are_written(tmp_path):
    root = parsed(slow_downs(ODD, [[1.0, 1.25], [1.5, 2.0]]), tmp_path)
    tints = [float(e.get("fill-opacity")) for e in by_class(root, "pair")]
    assert tints == pytest.approx([0.03, 0.125, 0.25, 0.5], abs=0.01)
    words = [e.text for e in root.iter(f"{SVG}text") if re.fullmatch(r"\d\.\d\d", e.text)]
    assert words == ["1.00", "1.25", "1.50", "2.00"]
    assert by_class(root, "pair")[2].find(f"{SVG}title").text == "talks beside <a> & b: 1.50"
    assert "talks beside <a> & b 1.50" in slow_downs(ODD, [[1.0, 1.25], [1.5, 2.0]]).alt
