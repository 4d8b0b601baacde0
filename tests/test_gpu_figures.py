"""The figures of the GPU chapters: what they draw is what was traced, counted or quoted."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlpar.figures import (
    Roof,
    bandwidth_ladder,
    divergence_strip,
    magnitudes,
    number_line,
    roofline,
    thread_memory,
)
from dlpar.figures.roofline import attainable
from dlpar.gpu import cuda, float32, profile
from dlpar.gpu.cards import CARDS, H100, T4, V100
from dlpar.gpu.trace import trace
from dlpar.nn.formats import BF16, FORMATS, FP8_E4M3, FP8_E5M2, FP16, FP32

SVG = "{http://www.w3.org/2000/svg}"
EVIL = "</text><script>alert(1)</script>\"'&\x00"


@cuda.jit
def strided(x, out, stride):
    i = cuda.grid(1)
    if i * stride < x.size:
        out[i] = x[i * stride]


@cuda.jit
def split(out):
    i = cuda.grid(1)
    if i % 2 == 0:
        out[i] = 1
    elif i % 4 == 1:
        out[i] = 2


@cuda.jit
def tiled(out):
    tile = cuda.shared.array(64, float32)
    t = cuda.threadIdx.x
    tile[t] = 1
    cuda.syncthreads()
    out[cuda.grid(1)] = tile[63 - t]


def loads(stride, threads=32, size=None):
    x = np.zeros(threads * stride if size is None else size, np.float32)
    launched = trace(strided[1, threads], x, np.zeros(threads, np.float32), stride)
    return [access for access in launched.accesses if access.kind == "load"]


RUNGS = [("shared memory", 13e12, "sheet A"), ("DRAM", 900e9, "sheet B"), ("PCIe 3", 16e9, "C")]
POINTS = {"axpy": 1 / 6, "tiled": (10.0, 3e12)}
GRADIENTS = {"raw": np.array([1e-9, -1e-7, 0, 1e-3]), "scaled": np.array([1e-3, 7e4])}
ALL = {
    "thread_memory": lambda: thread_memory(*loads(1)),
    "strided": lambda: thread_memory(*loads(1), *loads(9), *loads(2, 16)),
    "divergence_strip": lambda: divergence_strip(trace(split[1, 32], np.zeros(32, np.float32))),
    "roofline": lambda: roofline(POINTS, [V100, Roof("this laptop", 50e9, 20e9)]),
    "bandwidth_ladder": lambda: bandwidth_ladder(RUNGS),
    "bandwidth_ladder of cards": lambda: bandwidth_ladder(
        [(card.name, card.bandwidth, card.source) for card in CARDS]
    ),
    "number_line": number_line,
    "magnitudes": lambda: magnitudes(GRADIENTS, FP16),
}
each = pytest.mark.parametrize("draw", ALL.values(), ids=ALL)


def parsed(figure, tmp_path):
    figure.save(tmp_path / "figure.svg")
    return ElementTree.parse(tmp_path / "figure.svg").getroot()


def by_class(root, kind):
    return [e for e in root.iter() if kind in e.get("class", "").split()]


def boxes(path):
    """Return how many subpaths the elements of a list draw."""
    return sum(e.get("d").count("M") for e in path)


# What holds for every figure


@each
def test_a_figure_is_well_formed_and_says_in_words_what_it_shows(draw, tmp_path):
    figure = draw()
    root = parsed(figure, tmp_path)
    assert root.find(f"{SVG}title").text == figure.alt
    inline = ElementTree.fromstring(figure._repr_html_())
    assert inline.get("aria-label") == figure.alt
    assert draw()._repr_html_() == figure._repr_html_()
    assert not re.search(r"\sid=|url\(#|fill:\s*(black|white)", figure._repr_html_())


@each
def test_each_panel_carries_its_ruler_and_keeps_its_words_inside(draw, tmp_path):
    figure = draw()
    root = parsed(figure, tmp_path)
    badges = ["".join(badge.itertext()) for badge in by_class(root, "ruler")]
    assert len(badges) == len(figure.panels)
    assert set(badges) <= {"counted", "virtual", "wall", "quoted"}
    for panel, drawn in zip(figure.panels, root.findall(f"{SVG}svg"), strict=True):
        for e in drawn.iter(f"{SVG}text"):
            wide = 6.4 * len("".join(e.itertext()))
            left = float(e.get("x")) - {"end": wide, "middle": wide / 2}.get(
                e.get("text-anchor"), 0
            )
            assert left > -4, "".join(e.itertext())
            assert left + wide < panel.width + 4, "".join(e.itertext())
            assert 0 <= float(e.get("y")) <= panel.height


def test_hostile_words_are_text(tmp_path):
    drawn = [
        bandwidth_ladder([(EVIL, 1e9, EVIL)]),
        roofline({EVIL: 1.0}, [Roof(EVIL, 1e12, 1e11)]),
    ]
    for figure in drawn:
        assert not list(parsed(figure, tmp_path).iter(f"{SVG}script"))
        assert "<script>alert" not in figure._repr_html_()


# Traces


def test_a_trace_holds_addresses_and_lanes_of_the_chosen_warps():
    x, out = np.zeros(150, np.float32), np.zeros(96, np.float32)
    found = trace(strided[1, 96], x, out, 2, warps=(1, 2))
    load, store = (a for a in found.accesses if a.warp == 1)
    np.testing.assert_array_equal(load.addresses - load.origin, 8 * np.arange(32, 64))
    np.testing.assert_array_equal(store.addresses - store.origin, 4 * np.arange(32, 64))
    assert (load.name, store.name, load.space, load.itemsize) == ("x", "out", "global", 4)
    (part, _) = (a for a in found.accesses if a.warp == 2)
    np.testing.assert_array_equal(part.lanes, np.arange(64, 96) * 2 < 150)
    assert {event.warp for event in found.events} == {1, 2}
    assert next(e.text for e in found.statements if e.warp == 2) == "i = cuda.grid(1)"


def test_a_trace_reaches_warps_of_later_groups_and_shows_a_block_s_own_shared_memory():
    out = np.zeros(64 * 400, np.float32)
    found = trace(tiled[400, 64], out, warps=(799,))
    store, load, _ = found.accesses
    np.testing.assert_array_equal(store.addresses, 4 * np.arange(32, 64))
    np.testing.assert_array_equal(load.addresses, 4 * np.arange(31, -1, -1))
    assert store.space == "shared"
    with pytest.raises(ValueError, match="warps 0 to 799"):
        trace(tiled[400, 64], out, warps=(800,))


# Thread and memory


@pytest.mark.parametrize(
    ("stride", "threads", "sectors"), [(1, 32, 4), (2, 32, 8), (9, 32, 32), (1, 7, 1)]
)
def test_lines_lead_from_each_thread_to_shaded_sectors(stride, threads, sectors, tmp_path):
    (load,) = loads(stride, threads)
    figure = thread_memory(load)
    root = parsed(figure, tmp_path)
    assert len(by_class(root, "sector")) == sectors
    assert len(by_class(root, "ask")) == threads
    assert boxes(by_class(root, "element")) == threads
    assert f"{threads} threads of a warp" in figure.alt
    assert f"in {sectors} sector" in figure.alt
    x = np.zeros(threads * stride, np.float32)
    counted = profile(strided[1, threads], x, np.zeros(threads, np.float32), stride)
    assert counted.global_load_sectors == sectors


def test_a_line_ends_at_its_element(tmp_path):
    (load,) = loads(3)
    root = parsed(thread_memory(load), tmp_path)
    lefts = [float(e.get("x")) for e in by_class(root, "sector")]
    wide = float(by_class(root, "sector")[0].get("width"))
    for lane, ask in enumerate(by_class(root, "ask")):
        end = float(re.findall(r"[\d.]+", ask.get("d"))[2])
        sector, offset = divmod(12 * lane, 32)
        assert end == pytest.approx(lefts[sector] + (offset + 2) / 32 * wide, abs=0.02)


def test_thread_memory_refuses_what_it_cannot_draw():
    with pytest.raises(ValueError, match="needs an access"):
        thread_memory()
    shared = trace(tiled[1, 64], np.zeros(64, np.float32)).accesses[0]
    with pytest.raises(ValueError, match="tile is shared"):
        thread_memory(shared)


# Divergence


def test_filled_cells_are_the_lanes_that_worked(tmp_path):
    found = trace(split[1, 32], np.zeros(32, np.float32))
    figure = divergence_strip(found)
    root = parsed(figure, tmp_path)
    worked = [e.get("d").count("M") for e in by_class(root, "worked")]
    assert worked == [32, 32, 16, 16, 8]
    assert sum(worked) + boxes(by_class(root, "waited")) == 32 * 5
    counted = profile(split[1, 32], np.zeros(32, np.float32))
    assert f"{counted.lane_efficiency:.0%} of the lanes worked" in figure.alt


def test_divergence_strip_refuses_a_warp_that_ran_nothing():
    found = trace(split[1, 64], np.zeros(64, np.float32), warps=(1,))
    assert "warp 1" in divergence_strip(found).alt
    with pytest.raises(ValueError, match="got 0"):
        divergence_strip(found, warp=0)


# Roofline and ladder


@given(st.floats(1e-3, 1e4))
def test_attainable_is_the_lower_of_two_roofs(intensity):
    roof = Roof("one", 1e12, 1e11)
    assert attainable(roof, intensity) == (1e12 if intensity >= 10 else intensity * 1e11)


def test_roofs_bend_at_the_ridge(tmp_path):
    figure = roofline({"axpy": 1 / 6}, CARDS)
    roofs = by_class(parsed(figure, tmp_path), "roof")
    assert len(roofs) == len(CARDS)
    for roof in roofs:
        numbers = np.array(re.findall(r"-?[\d.]+", roof.get("d")), float).reshape(3, 2)
        assert numbers[0, 1] > numbers[1, 1] == numbers[2, 1]
    assert f"meet at {V100.ridge:.3g} FLOP/B" in figure.alt
    assert "axpy: 0.167 FLOP/B, at most 558 GFLOP/s" in figure.alt  # H100: 3.35 TB/s / 6


def test_roofline_and_ladder_refuse_what_has_no_logarithm():
    for points in ({"zero": 0.0}, {"endless": float("inf")}, {"idle": (1.0, 0.0)}):
        with pytest.raises(ValueError, match="logarithmic"):
            roofline(points, [T4])
    with pytest.raises(ValueError, match="needs a machine"):
        roofline({}, [])
    for rungs in ([], [("none", 0, "?")]):
        with pytest.raises(ValueError, match="above 0"):
            bandwidth_ladder(rungs)


def test_bars_grow_with_the_logarithm_from_the_fastest_down(tmp_path):
    figure = bandwidth_ladder(RUNGS[::-1])
    wide = [float(e.get("width")) for e in by_class(parsed(figure, tmp_path), "rung")]
    assert wide == sorted(wide, reverse=True)
    steps = np.diff(wide) / np.diff(np.log([13e12, 900e9, 16e9]))
    assert steps[0] == pytest.approx(steps[1], rel=1e-3)
    assert "DRAM: 900 GB/s (sheet B)" in figure.alt
    assert "The first is 812 times the last" in figure.alt
    assert H100.name in repr(bandwidth_ladder([(H100.name, H100.bandwidth, H100.source)]))


# Numbers


def test_formats_agree_with_numpy():
    for ours, kind in ((FP32, np.float32), (FP16, np.float16)):
        info = np.finfo(kind)
        assert ours.smallest == info.smallest_subnormal
        assert ours.smallest_normal == info.smallest_normal
        assert (ours.epsilon, ours.largest) == (info.eps, info.max)


@pytest.mark.parametrize("upto", [0.3, 1.0, 4.0, 65504.0])
def test_the_numbers_of_fp16_are_all_there_are(upto):
    every = np.arange(0x7C00, dtype=np.uint16).view(np.float16).astype(float)
    np.testing.assert_array_equal(FP16.numbers(upto), every[every <= upto])


def test_the_small_formats_have_the_numbers_of_their_papers():
    assert FP8_E4M3.numbers(1e9)[-1] == 448  # 126 bit patterns: 1111.111 is NaN
    assert (len(FP8_E4M3.numbers(1e9)), len(FP8_E5M2.numbers(1e9))) == (127, 124)
    assert FP8_E5M2.numbers(1e9)[-1] == 57344
    assert FP8_E4M3.smallest == 2.0**-9
    assert BF16.largest == pytest.approx(3.3895e38, rel=1e-4)
    assert BF16.count(BF16.largest) == 0x7F80 - 1


def test_each_number_has_a_tick_where_they_can_be_told_apart(tmp_path):
    root = parsed(number_line((FP8_E4M3, FP32), upto=2.0), tmp_path)
    (ticks,) = by_class(root, "numbers")
    assert boxes([ticks]) == 1 + FP8_E4M3.count(2.0)
    assert len(by_class(root, "band")) == 1
    assert len(by_class(root, "normal")) == 2
    with pytest.raises(ValueError, match="upto"):
        number_line(FORMATS, upto=0)


def test_magnitudes_shade_what_becomes_zero_and_count_each_power_of_two(tmp_path):
    figure = magnitudes({"g": np.array([2.0**-26, 2.0**-24, 1.5 * 2.0**-24, 0.0, -1.0])}, FP16)
    root = parsed(figure, tmp_path)
    bars = by_class(root, "bar")
    said = ["".join(bar.itertext()) for bar in bars]
    assert said == ["2^-26 to 2^-25: 1", "2^-24 to 2^-23: 2", "2^0 to 2^1: 1"]
    nothing = by_class(root, "zone")[0]
    edge = float(nothing.get("x")) + float(nothing.get("width"))  # 2^-25, half of the smallest
    assert float(bars[0].get("x")) + float(bars[0].get("width")) < edge + 0.01
    assert float(bars[1].get("x")) > edge
    assert "25% become 0" in figure.alt
    for bad in ({}, {"g": np.zeros(3)}, {"g": np.array([np.inf])}):
        with pytest.raises(ValueError, match="finite numbers"):
            magnitudes(bad, FP16)
