"""The pictures of saying less: bits under bars, loss against bytes, time against the link."""

import math
from xml.etree import ElementTree

import numpy as np
import pytest

from dlpar.figures import link_speeds, loss_against_bytes, one_bit_bars
from dlpar.figures.svg import hue

SVG = "{http://www.w3.org/2000/svg}"
VALUES, TOLD = [0.9, -0.2, 0.1, -0.7], [0.5, -0.45, 0.5, -0.45]
LINKS = {"1 Gb/s": 1.25e8, "10 Gb/s": 1.25e9, "100 Gb/s": 1.25e10}
MODEL = {"floats": lambda b: 1 + 1e9 / b, "bits": lambda b: 2 + 1e8 / b}
TIMES = {name: [of(b) for b in LINKS.values()] for name, of in MODEL.items()}


def parsed(figure, tmp_path):
    figure.save(tmp_path / "figure.svg")
    return ElementTree.parse(tmp_path / "figure.svg").getroot()


def by_class(root, kind):
    return [e for e in root.iter() if kind in e.get("class", "").split()]


def test_a_bar_stands_on_its_side_of_zero_in_the_hue_of_its_bit(tmp_path):
    figure = one_bit_bars(VALUES, TOLD)
    bars = by_class(parsed(figure, tmp_path), "bar")
    assert [bar.get("fill") for bar in bars] == [hue(0), hue(1), hue(0), hue(1)]
    zero = float(bars[1].get("y"))  # a negative bar hangs from zero
    assert math.isclose(float(bars[0].get("y")) + float(bars[0].get("height")), zero, abs_tol=0.02)
    tall = [float(bar.get("height")) for bar in bars]
    np.testing.assert_allclose(np.array(tall) / tall[0], np.abs(VALUES) / 0.9, atol=2e-3)
    assert "Bits 1010." in figure.alt
    assert "2 are told as 0.5, the others as -0.45" in figure.alt


def test_the_words_of_bars_say_how_much_is_lost_and_a_mean_is_a_curve(tmp_path):
    off = np.linalg.norm(np.subtract(VALUES, TOLD)) / np.linalg.norm(VALUES)
    assert f"{100 * off:.0f} % of the length" in one_bit_bars(VALUES, TOLD).alt
    figure = one_bit_bars(VALUES, TOLD, mean=VALUES)
    assert len(by_class(parsed(figure, tmp_path), "mean")) == 1
    assert "at most 0 off" in figure.alt
    words = [e.text for e in parsed(one_bit_bars(np.ones(40), np.ones(40)), tmp_path).iter()]
    assert words.count("1") == 1  # the height: too many for digits


def test_a_run_is_marked_where_it_first_reaches_the_target(tmp_path):
    runs = {"floats": ([100, 200, 300], [2, 0.9, 0.4]), "bits": ([10, 20, 30], [2, 1.5, 1.2])}
    figure = loss_against_bytes(runs, target=1.0)
    (only,) = by_class(parsed(figure, tmp_path), "mark")
    assert only.find(f"{SVG}title").text == "floats: 200 B"
    assert "floats: 0.4 after 300 B, 1 after 200 B." in figure.alt
    assert "bits: 1.2 after 30 B." in figure.alt


def test_links_have_their_names_and_a_break_even_its_line(tmp_path):
    at = 9e8  # 1 + 1e9 / b = 2 + 1e8 / b
    figure = link_speeds(LINKS, TIMES, MODEL, {"bits": at})
    root = parsed(figure, tmp_path)
    assert {e.text for e in root.iter(f"{SVG}text")} >= {*LINKS, *MODEL}
    (even,) = by_class(root, "even")
    x = float(even.get("d")[1:].split(" ")[0])
    marks = by_class(root, "mark")
    first, last = (
        float(marks[i].get("transform")[10:].split(" ")[0]) + 4.5 for i in (0, len(LINKS) - 1)
    )
    expected = first + (last - first) * math.log(at / 1.25e8) / math.log(100)
    assert math.isclose(x, expected, abs_tol=0.1)
    assert even.get("stroke") == hue(1)
    assert "Break-even of bits: 900 MB a second." in figure.alt


def test_a_break_even_beyond_the_links_is_told_and_not_drawn(tmp_path):
    figure = link_speeds(LINKS, TIMES, MODEL, {"bits": math.inf})
    assert not by_class(parsed(figure, tmp_path), "even")
    assert "none, on any link" in figure.alt


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match="one shape"):
        one_bit_bars([1, 2], [1])
    with pytest.raises(ValueError, match="finite"):
        one_bit_bars([math.nan], [1])
    with pytest.raises(ValueError, match="one or more runs"):
        loss_against_bytes({})
    with pytest.raises(ValueError, match="one or more runs"):
        loss_against_bytes({"a": ([1], [1, 2])})
    with pytest.raises(ValueError, match="each link"):
        link_speeds(LINKS, {"bits": [1.0]}, {"bits": MODEL["bits"]}, {})
    with pytest.raises(ValueError, match="each link"):
        link_speeds(LINKS, TIMES, {"bits": MODEL["bits"]}, {})
