import math
import re
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlpar.collectives import (
    double_tree_allreduce,
    pass_around_allreduce,
    rabenseifner_allreduce,
    recursive_doubling_allreduce,
    ring_allreduce,
    root_allreduce,
    tree_allreduce,
)
from dlpar.data_parallel import exposed_seconds
from dlpar.doctor import find_chromium
from dlpar.figures import (
    Frame,
    Move,
    chunk_grid,
    clock_drift,
    convergence,
    cost_plot,
    crossover_map,
    frames_of,
    gantt,
    link_speeds,
    loss_against_bytes,
    one_bit_bars,
    paths,
    space_time,
    staleness,
    topology_map,
)
from dlpar.figures.axes import linear_ticks, log_ticks, spread, tick_text
from dlpar.figures.svg import DARK, LIGHT
from dlpar.rulers import Wall, seconds
from dlpar.world import IN_PLACE, PROC_NULL, Message, Span, Trace, presets, simulate, work

SVG = "{http://www.w3.org/2000/svg}"
EVIL = "</text><script>alert(1)</script>\"'&\x00\ud800"


def three_messages():
    lost = Message(2, 0, 0, 8, 3.0, math.nan)
    messages = [Message(0, 1, 7, 1000, 0.0, 2.0), Message(1, 1, 0, 16, 2.5, 3.0), lost]
    return Trace(3, messages, [Span(0, "work", 0.0, 4.0), Span(1, "Recv", 1.0, 2.0)])


def ring(p, n=64):
    return simulate(lambda comm: ring_allreduce(np.ones(n), comm), p).trace


def two_sums():
    """Work, a sum that begins under later work, and one that begins after it."""

    def program(comm):
        x = np.ones(1000)
        work(comm, seconds=2e-6)
        first = comm.Iallreduce(IN_PLACE, x[:500])
        work(comm, seconds=3e-6)
        second = comm.Iallreduce(IN_PLACE, x[500:])
        first.Wait()
        second.Wait()

    return simulate(program, 2).trace


def plotted():
    x = [8.0, 800.0, 80_000.0]
    walls = [Wall(k * 1e-6, 0.9e-6 * k, 1.3e-6 * k, 15, 2, 1) for k in (5, 6, 90)]
    model = {"line": lambda n: 5e-6 + n * 1e-9}
    labels = {"xlabel": "size", "ylabel": "time", "ruler": "wall", "xunit": "B", "yunit": "s"}
    return cost_plot(x, {"line": walls}, model, **labels)


def trained():
    steps = np.arange(5.0)
    fast = {"loss": 2.0**-steps, "steps": steps, "seconds": steps * 1e-3, "bytes": steps * 100}
    slow = {"loss": 1.0 - 0.1 * steps, "steps": steps, "seconds": steps, "bytes": steps * 10}
    return convergence({"fast": fast, "slow": slow}, target=0.25)


def descended():
    routes = {"one": [[2.0, 1.0], [1.0, 0.5], [0.0, 0.0]]}
    return paths(lambda u, v: u**2 + v**2, routes, (-3, 3), (-2, 2))


def crossed():
    found = [["tree"] * 3, ["tree", "ring", "ring"]]
    return crossover_map([100, 1e4, 1e6], [2, 4], found, lambda n, p: "ring" if n > p else "tree")


def drifting():
    """Rank 1 is done with 2 clocks when rank 2 is with its first, and then waits for it."""
    spans = [Span(1, "work", 0, 1), Span(1, "work", 1, 2), Span(2, "work", 0, 3)]
    return Trace(3, [], [*spans, Span(1, "work", 3, 4), Span(2, "work", 3, 5)])


def linked():
    speeds = {"1 Gb/s": 1.25e8, "<b> & 10 Gb/s": 1.25e9}
    return link_speeds(speeds, {"<a>": [9.0, 1.0]}, {"<a>": lambda b: 1.1e9 / b}, {"<a>": 5e8})


ALL = {
    "one_bit_bars": lambda: one_bit_bars([0.5, -0.2, 0.1], [0.3, -0.2, 0.3], "<note>"),
    "loss_against_bytes": lambda: loss_against_bytes({"<a>": ([1, 10], [2, 0.5])}, 1.0),
    "link_speeds": linked,
    "staleness": lambda: staleness({"s = 1": [0, 1, 1, 2], "<s> & 3": [3, 0, 90]}),
    "clock_drift": lambda: clock_drift({"<s>": drifting()}, {"<s>": 1}),
    "space_time": lambda: space_time(three_messages()),
    "ring": lambda: space_time(ring(4)),
    "nothing": lambda: space_time(Trace(1, [], [])),
    "chunk_grid": lambda: chunk_grid(frames_of(ring_allreduce, 3)),
    "cost_plot": plotted,
    "crossover_map": crossed,
    "convergence": trained,
    "paths": descended,
    "gantt": lambda: gantt({"ring": ring(4), "two <sums>": two_sums()}),
    "topology_map": lambda: topology_map(presets.dgx1(), [(0, 5)]),
    "loads": lambda: topology_map(presets.star(4), trace=ring(4)),
}
each = pytest.mark.parametrize("draw", ALL.values(), ids=ALL)


def whole(figure):
    return figure._repr_html_().split("</style>", 1)[1]


def parsed(figure, tmp_path):
    figure.save(tmp_path / "figure.svg")
    return ElementTree.parse(tmp_path / "figure.svg").getroot()


def by_class(root, kind):
    return [e for e in root.iter() if kind in e.get("class", "").split()]


def ends(arrow):
    """Return tail and head of an arrow's path."""
    numbers = [float(v) for v in re.findall(r"-?[\d.]+", arrow.find(f"{SVG}path").get("d"))]
    return tuple(numbers[:2]), tuple(numbers[-2:])


# ---- what holds for every figure


@each
def test_a_figure_is_well_formed_standalone_and_inline(draw, tmp_path):
    figure = draw()
    root = parsed(figure, tmp_path)
    assert root.tag == f"{SVG}svg"
    assert root.find(f"{SVG}title").text == figure.alt
    inline = re.sub(r"(<input [^>]*)>", r"\1/>", figure._repr_html_())
    inline = re.sub(r"<script>.*</script>", "", inline, flags=re.DOTALL)
    assert ElementTree.fromstring(inline).get("aria-label") == figure.alt
    assert repr(figure) == f"Figure: {figure.alt}"


@each
def test_the_same_data_give_the_same_bytes_and_no_ids_that_could_clash(draw, tmp_path):
    one, two = draw(), draw()
    assert one._repr_html_() == two._repr_html_()
    one.save(tmp_path / "one.svg")
    two.save(tmp_path / "two.svg")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    assert not re.search(r"\sid=|url\(#", one._repr_html_())


@each
def test_a_figure_carries_its_ruler_and_leaves_its_ground_clear(draw, tmp_path):
    figure = draw()
    root = parsed(figure, tmp_path)
    badges = ["".join(badge.itertext()) for badge in by_class(root, "ruler")]
    assert set(badges) <= {"counted", "virtual", "wall", "quoted"}
    assert len(badges) == len(figure.panels)
    assert not re.search(r"fill:\s*(black|white|#fff|#000)", whole(figure))


@each
def test_nothing_is_drawn_outside_the_picture(draw, tmp_path):
    figure = draw()
    roots = parsed(figure, tmp_path).findall(f"{SVG}svg")
    for panel, root in zip(figure.panels, roots, strict=True):
        for e in root.iter(f"{SVG}text"):
            assert -1 <= float(e.get("x")) <= panel.width
            assert 0 <= float(e.get("y")) <= panel.height


def test_hostile_labels_are_text(tmp_path):
    figure = cost_plot([1, 2], {EVIL: [1, 2]}, xlabel=EVIL, ylabel=EVIL, ruler="wall")
    histories = {EVIL: {"loss": [1, 2], "steps": [1, 2]}}
    frame = Frame([[frozenset({0})]], [], EVIL)
    for drawn in (figure, convergence(histories), chunk_grid([frame])):
        root = parsed(drawn, tmp_path)
        assert not list(root.iter(f"{SVG}script"))
        outside = re.sub(r"<script>\n?// Shows one.*</script>", "", drawn._repr_html_(), flags=re.S)
        assert "<script>alert" not in outside
        assert "&lt;script&gt;alert(1)" in outside


# Machado, Oliveira, Fernandes, IEEE TVCG 2009: linear RGB as a dichromat sees it.
SIGHT = {
    "all cones": np.eye(3),
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}
LMS = np.array([[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]])
LAB = np.array([[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]])


def linear_rgb(colour):
    c = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize(("hues", "ground"), [(LIGHT, "#ffffff"), (DARK, "#14181e")])
def test_hues_stand_out_from_their_ground_and_from_one_another(hues, ground):
    rgb = np.array([linear_rgb(h) for h in hues])
    shine = np.append(rgb @ [0.2126, 0.7152, 0.0722], linear_rgb(ground) @ [0.2126, 0.7152, 0.0722])
    pairs = [(max(y, shine[-1]) + 0.05) / (min(y, shine[-1]) + 0.05) for y in shine[:-1]]
    assert min(pairs) >= 3  # WCAG 2.2, 1.4.11: graphics
    for matrix in SIGHT.values():
        seen = np.cbrt(np.clip(rgb @ np.transpose(matrix), 0, 1) @ LMS.T) @ LAB.T  # OKLab
        gaps = np.linalg.norm(seen[:, None] - seen, axis=2)[np.triu_indices(8, 1)]
        assert gaps.min() > 0.07  # 0.02 is a just noticeable difference


# ---- space-time


@pytest.mark.parametrize("p", [2, 3, 8, 16])
def test_every_arrow_runs_from_its_source_and_moment_to_its_destination(p, tmp_path):
    trace = ring(p)
    root = parsed(space_time(trace), tmp_path)
    lanes = [float(e.get("y")) - 4 for e in by_class(root, "lane")]
    assert [e.text for e in by_class(root, "lane")] == [f"rank {r}" for r in range(p)]
    arrows = by_class(root, "message")
    assert len(arrows) == len(trace.messages) == 2 * p * (p - 1)
    times, places = [], []
    for m, arrow in zip(trace.messages, arrows, strict=True):
        (x0, y0), (x1, y1) = ends(arrow)
        assert (y0, y1) == pytest.approx((lanes[m.source], lanes[m.dest]), abs=0.01)
        times += [m.sent, m.received]
        places += [x0, x1]
        assert f"var(--h{m.source % 8})" in ElementTree.tostring(arrow).decode()
    slope, offset = np.polyfit(times, places, 1)  # one linear axis of time, to the right
    assert slope > 0
    np.testing.assert_allclose(places, np.multiply(times, slope) + offset, atol=0.01)


def test_work_is_thick_waiting_thin_and_a_lost_message_ends_in_a_cross(tmp_path):
    root = parsed(space_time(three_messages()), tmp_path)
    bars = {"".join(e.itertext()): e for e in root.iter(f"{SVG}rect")}
    work_bar, wait_bar = bars["rank 0: work, 4.00 s"], bars["rank 1: Recv, 1.00 s"]
    assert float(work_bar.get("height")) > 2 * float(wait_bar.get("height"))
    assert float(work_bar.get("width")) == pytest.approx(4 * float(wait_bar.get("width")), rel=1e-3)
    (lost,) = by_class(root, "lost")
    lanes = [float(e.get("y")) - 4 for e in by_class(root, "lane")]
    (_, y0), (_, y1) = ends(lost)
    assert y0 == lanes[2]
    assert lanes[0] < y1 < lanes[1]  # it set out for rank 0 and did not get there
    assert "never received" in lost.find(f"{SVG}title").text
    assert len(by_class(root, "message")) == 2


def test_the_words_of_a_space_time_diagram_count_what_is_in_it():
    alt = space_time(three_messages(), ruler="wall").alt
    assert alt == (
        "Space-time diagram, wall time: 3 ranks over 4.00 s, 3 messages, 1.02 kB in all. "
        "Rank 0 sends 1 message, works 4.00 s. Rank 1 sends 1 message, waits 1.00 s. "
        "Rank 2 sends 1 message. 1 message never received."
    )
    assert "Each rank sends 6 messages" in space_time(ring(4)).alt
    assert "no messages" in space_time(Trace(2, [], [])).alt


def test_a_stretch_of_time_can_be_cut_out(tmp_path):
    trace = ring(4)
    moments = sorted({m.sent for m in trace.messages})
    cut = space_time(trace, start=moments[2], end=moments[3])
    assert len(by_class(parsed(cut, tmp_path), "message")) == 8
    assert "8 messages" in cut.alt


def test_what_cannot_be_read_is_refused_with_a_way_out():
    many = [Message(0, 1, 0, 8, k * 1e-6, k * 1e-6 + 1e-6) for k in range(601)]
    with pytest.raises(ValueError, match=r"at most 600 messages, got 601.*end=0\.0003"):
        space_time(Trace(2, many, []))
    assert "301 messages" in space_time(Trace(2, many, []), end=3e-4).alt
    with pytest.raises(ValueError, match="fewer ranks"):
        space_time(Trace(33, [], []))
    with pytest.raises(ValueError, match="start before end"):
        space_time(Trace(2, [], []), start=1, end=1)
    with pytest.raises(ValueError, match="cpu"):
        space_time(Trace(2, [], []), ruler="cpu")


def test_different_sizes_are_written_at_their_arrows(tmp_path):
    def texts(trace):
        return [e.text for e in parsed(space_time(trace), tmp_path).iter(f"{SVG}text")]

    assert {"1.00 kB", "16 B", "8 B"} <= set(texts(three_messages()))
    same = [Message(0, 1, 0, 64, k, k + 1.0) for k in range(3)]
    assert "3 messages of 64 B" in texts(Trace(2, same, []))


# ---- chunk grid


@pytest.mark.parametrize("p", [1, 2, 3, 5, 8])
def test_the_frames_of_the_ring_are_those_of_its_invariant(p):
    frames = frames_of(ring_allreduce, p)
    assert len(frames) == 1 + 2 * (p - 1)
    for s, frame in enumerate(
        frames[:p]
    ):  # reduce-scatter: after step s, chunk r-s-1 has s+1 ranks
        for r in range(p):
            assert frame.held[r][(r - s - 1) % p] == {(r - k) % p for k in range(s + 1)}
    for s, frame in enumerate(frames):  # each step finishes one more chunk a rank
        done = [sum(len(cell) == p for cell in row) for row in frame.held]
        assert done == [max(0, s - p + 2) if p > 1 else 1] * p
    for frame in frames[1:]:
        assert [(m.dest - m.source) % p for m in frame.moves] == [1] * p


@pytest.mark.parametrize("allreduce", [root_allreduce, pass_around_allreduce])
@pytest.mark.parametrize("p", [1, 2, 4])
def test_frames_come_from_any_allreduce_that_sends(allreduce, p):
    frames = frames_of(allreduce, p, chunks=1)
    everyone = frozenset(range(p))
    assert frames[0].held == [[frozenset({r})] for r in range(p)]
    assert frames[-1].held == [[everyone]] * p
    for before, after in pairwise(frames):
        assert all(b[0] <= a[0] for b, a in zip(before.held, after.held, strict=True))
        changed = {r for r in range(p) if before.held[r] != after.held[r]}
        assert changed <= {m.dest for m in after.moves}


@pytest.mark.parametrize(
    ("allreduce", "ranks", "chunks", "steps"),
    [
        (root_allreduce, 4, 1, 6),  # 2(p-1): all go through the root's link
        (tree_allreduce, 8, 1, 6),  # 2 lg p
        (recursive_doubling_allreduce, 8, 1, 3),  # lg p
        (recursive_doubling_allreduce, 6, 1, 4),  # lg 4, and two for the fold
        (rabenseifner_allreduce, 4, 4, 4),  # 2 lg p
        (double_tree_allreduce, 6, 2, 8),
    ],
)
def test_a_step_is_one_message_at_a_time_on_each_link(allreduce, ranks, chunks, steps):
    frames = frames_of(allreduce, ranks, chunks)
    assert len(frames) == 1 + steps
    for frame in frames:
        pairs = {(move.source, move.dest) for move in frame.moves}
        assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


def test_messages_to_nobody_and_lost_ones_are_no_moves():
    def quiet(x, comm):
        comm.Send(x, dest=PROC_NULL)
        comm.Isend(x, dest=comm.rank)
        return ring_allreduce(x, comm)

    assert frames_of(quiet, 3)[-1] == frames_of(ring_allreduce, 3)[-1]


def test_a_sum_that_brings_nothing_new_replaces_what_was_there():
    def overwritten(x, comm):
        total = ring_allreduce(x, comm)
        if comm.rank == 0:
            comm.Send(x, dest=1)
        else:
            comm.Recv(total, source=0)
        return total

    frames = frames_of(overwritten, 2, chunks=1)
    assert [frame.held[1][0] for frame in frames[-2:]] == [{0, 1}, {0}]


def test_a_result_that_the_messages_do_not_explain_is_refused():
    def forgets(x, comm):
        return x if comm.rank == 1 else ring_allreduce(x, comm) if comm.size == 1 else x + x

    def silent(x, comm):
        total = ring_allreduce(x, comm)
        return total if comm.rank else x

    def zero(x, comm):
        return 0 * x

    with pytest.raises(ValueError, match=r"rank 0 returned the ranks \[0\]"):
        frames_of(silent, 2)
    for broken in (forgets, zero):
        with pytest.raises(ValueError, match="frames_of"):
            frames_of(broken, 2)


@pytest.mark.parametrize("p", [2, 4])
def test_the_grid_draws_a_slice_for_each_contribution_and_an_arrow_for_each_move(p, tmp_path):
    frames = frames_of(ring_allreduce, p)
    grid = chunk_grid(frames)
    groups = by_class(parsed(grid, tmp_path), "frame")
    assert len(groups) == len(frames)
    for group, frame in zip(groups, frames, strict=True):
        for k in range(p):
            slices = sum(e.get("d").count("M") for e in by_class(group, f"held-{k}"))
            assert slices == sum(k in cell for row in frame.held for cell in row)
        done = sum(e.get("d").count("M") for e in by_class(group, "finished"))
        assert done == sum(len(cell) == p for row in frame.held for cell in row)
        assert len(by_class(group, "move")) == len(frame.moves)
    lefts = [by_class(groups[-1], f"held-{k}")[0].get("d")[1:].split()[0] for k in range(p)]
    assert np.diff(np.array(lefts, float)).min() > 5  # side by side, in the order of ranks
    assert [g.get("style") for g in groups] == ["display:none"] * (len(groups) - 1) + [None]
    assert grid.captions == tuple(f.caption for f in frames)
    assert f"All {p * p} are finished after step {2 * (p - 1)}." in grid.alt


def test_grid_arrows_run_between_the_rows_of_their_ranks(tmp_path):
    frames = frames_of(ring_allreduce, 4)
    root = parsed(chunk_grid(frames), tmp_path)
    rows = [float(e.get("y")) - 4 for e in by_class(root, "lane")]
    for group, frame in zip(by_class(root, "frame"), frames, strict=True):
        for move, arrow in zip(frame.moves, by_class(group, "move"), strict=True):
            (_, y0), (_, y1) = ends(arrow)
            near = [int(np.argmin(np.abs(np.subtract(rows, y)))) for y in (y0, y1)]
            assert near == [move.source, move.dest]


def test_odd_grids_are_refused():
    one, two = Frame([[frozenset({0})]], [], ""), Frame([[frozenset()] * 2], [], "")
    wide = Frame([[frozenset()] * 9], [Move(0, 0, 0)], "")
    for frames, words in (([], "at least one"), ([one, two], "one shape"), ([wide], "at most 8")):
        with pytest.raises(ValueError, match=words):
            chunk_grid(frames)
    for ranks, chunks in ((0, 1), (9, 1), (2, 0), (2, 9)):
        with pytest.raises(ValueError, match="frames_of needs"):
            frames_of(ring_allreduce, ranks, chunks)


# ---- curves


def test_points_of_a_power_law_lie_on_a_straight_line_at_its_slope(tmp_path):
    x = np.array([1.0, 10, 100, 1000])
    labels = {"xlabel": "n", "ylabel": "t", "ruler": "counted"}
    root = parsed(cost_plot(x, {"a": x**2}, {"a": lambda n: n**2}, **labels), tmp_path)
    marks = [e.get("transform") for e in by_class(root, "mark")]
    at = np.array([[float(v) for v in re.findall(r"-?[\d.]+", m)][:2] for m in marks])
    steps = np.diff(at, axis=0)
    np.testing.assert_allclose(steps, np.broadcast_to(steps[0], steps.shape), atol=0.03)
    assert steps[0][0] > 0 > steps[0][1]
    (model,) = [e for e in root.iter(f"{SVG}path") if e.get("stroke-width") == "2"]
    line = np.array([float(v) for v in re.findall(r"[\d.]+", model.get("d"))]).reshape(-1, 2)
    ends = line[-1] - line[0]
    aside = np.cross(np.append(ends, 0), np.pad(line - line[0], ((0, 0), (0, 1))))[:, 2]
    np.testing.assert_allclose(aside / np.hypot(*ends), 0, atol=0.02)
    through = np.abs(line[:, None] - (at + 4.5)).max(2).min(0)  # a mark is 9 wide and high
    np.testing.assert_allclose(through, 0, atol=0.02)


def test_the_line_of_a_function_is_its_course_and_not_a_chord(tmp_path):
    x = np.array([1.0, 1e6])
    labels = {"xlabel": "n", "ylabel": "t", "ruler": "virtual"}
    root = parsed(cost_plot(x, None, {"a": lambda n: 1e3 + n}, **labels), tmp_path)
    (model,) = [e for e in root.iter(f"{SVG}path") if e.get("stroke-width") == "2"]
    line = np.array([float(v) for v in re.findall(r"[\d.]+", model.get("d"))]).reshape(-1, 2)
    middle = np.interp(line[:, 0].mean(), line[:, 0], line[:, 1])
    assert middle > line[:, 1].min() + 0.7 * np.ptp(line[:, 1])  # flat first; y grows downwards


def test_measured_times_get_their_quartiles_as_bars(tmp_path):
    root = parsed(plotted(), tmp_path)
    bars = by_class(root, "iqr")
    assert len(bars) == 3
    for bar, mark in zip(bars, by_class(root, "mark"), strict=True):
        x, low, _, high = (float(v) for v in re.findall(r"[\d.]+", bar.get("d")))
        left, top = (float(v) for v in re.findall(r"[\d.]+", mark.get("transform"))[:2])
        assert high < top + 4.5 < low
        assert x == pytest.approx(left + 4.5, abs=0.02)
    assert "IQR" in by_class(root, "mark")[0].find(f"{SVG}title").text


def test_the_words_of_a_cost_plot_give_its_ends_and_its_gap():
    alt = plotted().alt
    assert "wall: time over size, from 8 B to 80.0 kB." in alt
    assert "line, measured: 5.00 µs to 90.0 µs." in alt
    assert "line, model: 5.01 µs to 85.0 µs." in alt
    assert "differ by a factor of at most 1.06." in alt  # 90 / 85


@pytest.mark.parametrize(
    ("x", "measured", "model", "words"),
    [
        ([1, 2], None, None, "measured or model"),
        ([0, 2], {"a": [1, 2]}, None, "x must be above 0"),
        ([1, 2], {"a": [1, -2]}, None, "a must be above 0"),
        ([1, 2], {"a": [1, math.nan]}, None, "finite"),
        ([1, 2], {"a": [1]}, None, r"shape \(2,\) for a"),
        ([], {"a": []}, None, "x"),
        ([1, 2], None, {"m": lambda n: n - 1}, "m must be above 0"),
    ],
)
def test_a_cost_plot_refuses_what_has_no_logarithm(x, measured, model, words):
    with pytest.raises(ValueError, match=words):
        cost_plot(x, measured, model, xlabel="", ylabel="", ruler="wall")


def test_convergence_has_a_panel_for_each_way_that_all_histories_know():
    assert len(trained().panels) == 3
    short = {"loss": [1.0], "steps": [1]}
    assert len(convergence({"a": short, "b": short | {"bytes": [3]}}).panels) == 1
    assert "time (wall)" in convergence({"a": short | {"seconds": [1]}}, ruler="wall").alt


def test_the_words_of_convergence_say_when_the_target_is_reached():
    alt = trained().alt
    assert "fast: from 1 to 0.0625, reaches 0.25 after 2 steps, 2.00 ms, 200 B." in alt
    assert "slow: from 1 to 0.6, never reaches 0.25." in alt


@pytest.mark.parametrize(
    ("histories", "words"),
    [
        ({}, "at least one"),
        ({"a": {"steps": [1]}}, "loss in the history of a"),
        ({"a": {"loss": [1]}}, "steps, seconds"),
        ({"a": {"loss": [1], "steps": [1, 2]}}, "steps of a"),
        ({"a": {"loss": [], "steps": []}}, "k >= 1"),
    ],
)
def test_convergence_refuses_histories_that_do_not_fit(histories, words):
    with pytest.raises(ValueError, match=words):
        convergence(histories)


def test_a_diverging_curve_is_drawn_as_far_as_it_is_finite(tmp_path):
    history = {"loss": [1.0, 5.0, math.inf, math.nan], "steps": [0, 1, 2, 3]}
    for log in (False, True):
        root = parsed(convergence({"a": history}, log=log), tmp_path)
        (curve,) = [e for e in root.iter(f"{SVG}path") if e.get("stroke-width") == "1.6"]
        assert len(re.findall(r"[\d.]+", curve.get("d"))) == 4


def test_a_route_starts_and_ends_where_it_should(tmp_path):
    root = parsed(descended(), tmp_path)
    dots = [(float(e.get("cx")), float(e.get("cy"))) for e in root.iter(f"{SVG}circle")]
    inner = [e for e in root.iter(f"{SVG}svg")][-1]
    wide, high = float(inner.get("width")), float(inner.get("height"))
    expected = [(5 / 6, 1 / 4), (4 / 6, 3 / 8), (1 / 2, 1 / 2)]  # of xlim, of ylim from above
    np.testing.assert_allclose(dots, np.multiply(expected, (wide, high)), atol=0.01)
    (route,) = [e for e in root.iter(f"{SVG}path") if e.get("stroke-width") == "1.8"]
    line = np.array([float(v) for v in re.findall(r"[\d.]+", route.get("d"))]).reshape(-1, 2)
    np.testing.assert_allclose(line, dots, atol=0.01)
    assert "one: 2 steps, loss from 5 to 0." in descended().alt
    with pytest.raises(ValueError, match="xlim"):
        paths(lambda u, v: u, {}, (1, 1), (0, 1))
    with pytest.raises(ValueError, match=r"\(k, 2\) for r"):
        paths(lambda u, v: u, {"r": [1, 2]}, (0, 1), (0, 1))


@given(st.floats(-1e6, 1e6), st.floats(1e-9, 1e9), st.integers(2, 9))
def test_linear_ticks_are_few_round_and_inside(low, length, most):
    high = low + length
    ticks = linear_ticks(low, high, most)
    assert len(ticks) <= most + 1
    room = 1e-6 * (high - low) + 1e-9 * max(abs(low), abs(high))
    assert all(low - room <= t <= high + room for t in ticks)
    assert ticks == sorted(ticks)


@given(st.floats(1e-9, 1e6), st.floats(1.05, 1e12), st.integers(4, 9))
def test_log_ticks_are_few_inside_and_two_or_more(low, times, most):
    ticks = log_ticks(low, low * times, most)
    assert all(low * 0.99 <= t <= low * times * 1.01 for t in ticks)
    assert ticks == sorted(ticks)
    assert 2 <= len(ticks) <= most + 1


@given(st.lists(st.floats(0, 100), max_size=8))
def test_labels_are_moved_apart_in_order_and_stay_inside(wanted):
    placed = spread(wanted, 10, 0, 100)
    assert len(placed) == len(wanted)
    order = np.argsort(wanted, kind="stable")
    assert all(np.diff(np.array(placed)[order]) >= 10 - 1e-9)
    assert all(-1e-9 <= y <= 100 for y in placed)


@pytest.mark.parametrize(
    ("value", "unit", "log", "words"),
    [(1e-5, "s", True, "10 µs"), (0.5, "", False, "0.5"), (-1.5, "", False, "\u22121.5"),
     (1e6, "", True, "10⁶"), (2e-4, "", True, "2·10⁻⁴"),
        (0.02, "", True, "0.02"),
        (20_000, "", False, "20,000"),
        (4e6, "", False, "4 M"), (100, "", True, "100")],
)  # fmt: skip
def test_ticks_are_written_as_one_reads_them(value, unit, log, words):
    assert tick_text(value, unit, log) == words


# ---- in a browser, from a file, without a network


@pytest.fixture(scope="module")
def chromium():
    if find_chromium() is None:
        pytest.skip("Chromium is missing: `dlpar doctor` says how to get it")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


def shown(tab, root):
    """Return which frame and which caption of a stepper can be seen."""
    state = f"""() => {{
        const root = document.querySelectorAll(".dlpar-stepper")[{root}];
        const at = (css, property, hidden) => [...root.querySelectorAll(css)].flatMap(
            (e, i) => getComputedStyle(e)[property] === hidden ? [] : [i]);
        return [at(".frame", "display", "none"), at(".caption", "visibility", "hidden")];
    }}"""
    return tab.evaluate(state)


@pytest.mark.xdist_group("browser")
@pytest.mark.parametrize("script", [True, False])
def test_a_stepper_steps_and_without_a_script_shows_its_last_frame(chromium, script, tmp_path):
    html = "".join(chunk_grid(frames_of(ring_allreduce, p))._repr_html_() for p in (3, 2))
    (tmp_path / "page.html").write_text(f"<!doctype html><meta charset=utf-8>{html}", "utf-8")
    context = chromium.new_context(offline=True, java_script_enabled=script)
    tab, wrong = context.new_page(), []
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.goto((tmp_path / "page.html").as_uri())
    if not script:
        captions = [e for e in tab.locator(".caption").all() if e.is_visible()]
        assert [e.inner_text()[:6] for e in captions] == ["Step 4", "Step 2"]
        assert not tab.locator("button").first.is_visible()
    else:
        assert shown(tab, 0) == [[0], [0]]
        back, forth = (tab.get_by_role("button", name=n).first for n in ("previous", "next"))
        assert back.is_disabled()
        forth.click()
        assert shown(tab, 0) == [[1], [1]]
        tab.keyboard.press("ArrowRight")
        assert shown(tab, 0) == [[2], [2]]
        tab.keyboard.press("ArrowLeft")
        assert shown(tab, 0) == [[1], [1]]
        tab.locator("input").first.fill("4")
        assert shown(tab, 0) == [[4], [4]]
        assert forth.is_disabled()
        assert shown(tab, 1) == [[0], [0]]  # the other one did not move
    context.close()
    assert wrong == []


@pytest.mark.xdist_group("browser")
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_figures_follow_the_theme_and_fit_the_screen(chromium, theme, width, tmp_path):
    html = "".join(draw()._repr_html_() for draw in ALL.values())
    ink = {"light": "rgb(34, 40, 50)", "dark": "rgb(206, 214, 221)"}[theme]
    head = f'<!doctype html><html data-theme={theme}><meta charset=utf-8><body style="color:{ink}">'
    (tmp_path / "page.html").write_text(head + html, "utf-8")
    context = chromium.new_context(offline=True, viewport={"width": width, "height": 800})
    tab = context.new_page()
    tab.goto((tmp_path / "page.html").as_uri())
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    fills = "all => [...new Set(all.map(e => getComputedStyle(e).fill))]"
    assert tab.eval_on_selector_all(".dlpar-fig text.soft", fills) == [ink]
    hues = LIGHT if theme == "light" else DARK
    wanted = [f"rgb({int(h[1:3], 16)}, {int(h[3:5], 16)}, {int(h[5:], 16)})" for h in hues[:4]]
    assert tab.eval_on_selector_all(".dlpar-fig .lane", fills) == wanted
    small = "all => Math.min(...all.map(e => e.getBoundingClientRect().height))"
    assert tab.eval_on_selector_all(".dlpar-fig text", small) >= 9  # px, line height of a letter
    context.close()


def test_an_outcome_in_the_place_of_its_trace_is_named():
    with pytest.raises(TypeError, match=r"trace as a Trace, such as outcome\.trace, got Outcome"):
        space_time(simulate(lambda comm: None, 2))


# ------------------------------------------------------------------ gantt


def test_a_gantt_shades_exactly_the_exposed_time():
    trace = two_sums()
    figure = gantt({"two sums": trace})
    exposed = exposed_seconds(trace)[0]
    assert f"ends at {seconds(5e-6 + exposed)}, {seconds(exposed)} without work" in figure.alt
    assert "2 exchanges, 1 of them begun before the work was over" in figure.alt
    drawn = figure.panels[0].markup
    shades = re.findall(r'<rect[^>]*width="([\d.]+)"[^>]*class="exposed"', drawn)
    bars = [float(w) for w in re.findall(r'<rect[^>]*width="([\d.]+)" height="15"', drawn)]
    assert len(shades) == 1
    assert float(shades[0]) / bars[0] == pytest.approx(exposed / 2e-6, rel=0.01)


def test_in_a_gantt_calls_that_wait_stand_where_no_sums_are_known():
    figure = gantt({"ring": ring(4)}, rank=2)
    assert "rank 2" in figure.alt
    assert "6 exchanges, 0 of them begun before the work was over" in figure.alt


@pytest.mark.parametrize(
    ("traces", "rank", "words"),
    [
        ({}, 0, "at least one trace"),
        ({"a": Trace(2, [], [Span(0, "work", 0.0, 1.0)])}, 2, "2 ranks, none of them is 2"),
        ({"a": Trace(2, [], [Span(0, "work", 0.0, 1.0)])}, 1, "a has 0"),
    ],
)
def test_gantt_refuses_what_it_cannot_draw(traces, rank, words):
    with pytest.raises(ValueError, match=words):
        gantt(traces, rank)


def test_a_space_time_diagram_draws_no_sum_under_way():
    assert "waits" in space_time(two_sums()).alt
    assert "Iallreduce" not in whole(space_time(two_sums()))


# ---- staleness and drift


def test_every_gradient_is_in_a_bar_and_the_tick_is_at_the_mean(tmp_path):
    late = [0, 0, 1, 5, 6, 6, 6]
    root = parsed(staleness({"s = 3": late}), tmp_path)
    bars = by_class(root, "bar")
    assert ["".join(bar.itertext()) for bar in bars] == [
        "0 late: 2",
        "1 late: 1",
        "5 late: 1",
        "6 late: 3",
    ]
    heights = [float(bar.get("height")) for bar in bars]
    assert heights == pytest.approx(
        [2 * heights[1], heights[1], heights[1], 3 * heights[1]], rel=0.02
    )
    middles = [float(bar.get("x")) + float(bar.get("width")) / 2 for bar in bars]
    slope = (middles[-1] - middles[0]) / 6
    (mean,) = by_class(root, "mean")
    at = float(re.search(r"M([\d.]+)", mean.get("d"))[1])
    assert at == pytest.approx(middles[0] + slope * np.mean(late), abs=0.05)
    far = by_class(parsed(staleness({"": [0, 41, 500]}), tmp_path), "bar")
    assert "41 or more late: 2" in "".join(far[-1].itertext())
    for wrong in ({}, {"": []}, {"": [-1]}):
        with pytest.raises(ValueError, match="at least 0"):
            staleness(wrong)


def test_clocks_rise_where_work_ends_and_the_words_say_how_far_they_drift(tmp_path):
    figure = clock_drift({"here": drifting()}, {"here": 1})
    assert "at most 1 clocks ahead of the slowest while at work, 1 allowed" in figure.alt
    root = parsed(figure, tmp_path)
    assert len(by_class(root, "works")) == len(by_class(root, "waits")) == 2
    assert len(by_class(root, "band")) == 1
    free = clock_drift({"here": drifting()}, {"here": math.inf})
    assert "no bound" in free.alt
    assert not by_class(parsed(free, tmp_path), "band")
    with pytest.raises(ValueError, match="one bound"):
        clock_drift({"here": drifting()}, {})
    with pytest.raises(ValueError, match="needs work"):
        clock_drift({"here": Trace(1, [], [])}, {"here": 0})
