"""The figures of chapter 16 draw each fault, each mark and each sum, and say so in words."""

import re
from collections import namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_figures import EVIL, SVG, by_class, parsed

from dlpar.figures import fault_table, goodput_curve, sum_spread, time_spent
from dlpar.figures.fault_table import OUTCOMES
from dlpar.resilience.goodput import daly_interval, episodes, expected_goodput
from dlpar.rulers import seconds

Cell = namedtuple("Cell", "system fault when outcome words")
MOMENTS = ("before", "during", "after")


def cells(outcomes, system="a ring"):
    return [
        Cell(system, f"F{i // 3}", MOMENTS[i % 3], outcome, EVIL)
        for i, outcome in enumerate(outcomes)
    ]


def faulty():
    plain = cells(["complete", "partial", "named", "unnamed", "WRONG", "WRONG"])
    return fault_table({"<plain>": plain, "two": plain[:2]})


def curve():
    x = [10.0, 100.0, 1000.0]
    optima = {"Young": 60.0, "Daly": 55.0, "outside": 1e6}
    model = {"<g>": lambda t: expected_goodput(t, 5.0, 300.0)}
    return goodput_curve(x, {"<g>": [0.5, 0.8, 0.1]}, model, optima, ruler="wall")


def spread():
    near = np.float32(1) + np.arange(-3, 4, dtype=np.float32) * np.float32(2**-23)
    return sum_spread({"<any> order": near, "one": [1.0, 1.0]}, 1.0)


def spent():
    rows = {"<often>": episodes(60, 60, 300, [3600, 7200]), "seldom": episodes(5000, 60, 0, [9000])}
    return time_spent(rows, 2)


each = pytest.mark.parametrize("draw", [faulty, curve, spread, spent])


@each
def test_a_figure_is_the_same_each_time_inside_its_box_and_wears_its_ruler(draw, tmp_path):
    figure = draw()
    assert figure._repr_html_() == draw()._repr_html_()
    assert not re.search(r"\sid=|url\(#", figure._repr_html_())
    assert "<script>alert" not in figure._repr_html_()
    root = parsed(figure, tmp_path)
    assert root.find(f"{SVG}title").text == figure.alt
    assert len(by_class(root, "ruler")) == len(figure.panels)
    for panel, drawn in zip(figure.panels, root.findall(f"{SVG}svg"), strict=True):
        for e in drawn.iter(f"{SVG}text"):
            assert -1 <= float(e.get("x")) <= panel.width
            assert 0 <= float(e.get("y")) <= panel.height


def test_every_cell_has_a_sign_a_tooltip_and_is_counted(tmp_path):
    root = parsed(faulty(), tmp_path)
    drawn = by_class(root, "cell")
    assert len(drawn) == 6 + 2
    assert len(by_class(root, "empty")) == 4  # what the second table lacks
    signs = [cell.find(f"{SVG}text").text for cell in drawn]
    wanted = ["complete", "partial", "named", "unnamed", "WRONG", "WRONG"]
    assert signs[:6] == [OUTCOMES[name].sign for name in wanted]
    assert len({look.sign for look in OUTCOMES.values()}) == len(OUTCOMES)
    told = drawn[4].find(f"{SVG}rect").find(f"{SVG}title").text
    assert told.startswith("F1 during, a ring: WRONG. ")
    assert "1 complete, 1 partial, 1 named, 1 unnamed, 2 WRONG" in faulty().alt
    assert "WRONG: F1 in the a ring" in faulty().alt


@pytest.mark.parametrize(
    ("tables", "words"),
    [({}, "at least one"), ({"t": cells(["fine"])}, "must be one of"),
     ({"t": cells(["named"]) * 2}, "two cells")],
)  # fmt: skip
def test_a_table_that_nobody_could_read_is_refused(tables, words):
    with pytest.raises(ValueError, match=words):
        fault_table(tables)


def test_marks_lie_on_the_curve_where_they_fit_and_optima_at_their_interval(tmp_path):
    taus, model = [10.0, 50.0, 300.0], lambda t: expected_goodput(t, 5.0, 300.0)
    optima = {"Daly": daly_interval(5.0, 300.0), "far": 1e9}
    dots = {"g": model(np.array(taus))}
    figure = goodput_curve(taus, dots, {"g": model}, optima, ruler="virtual")
    root = parsed(figure, tmp_path)
    assert len(by_class(root, "mark")) == len(taus)
    (optimum,) = by_class(root, "optimum")  # the far one lies outside
    curve = next(e for e in root.iter(f"{SVG}path") if e.get("stroke-width") == "2")
    points = np.array(re.findall(r"[\d.]+", curve.get("d")), float).reshape(-1, 2)
    at = float(re.findall(r"[\d.]+", optimum.get("d"))[0])
    assert abs(points[np.argmin(points[:, 1]), 0] - at) < 6  # the top lies there
    for one in by_class(root, "mark"):
        x, y = map(float, re.findall(r"translate\(([\d.]+) ([\d.]+)\)", one.get("transform"))[0])
        assert np.abs(points - [x + 4.5, y + 4.5]).sum(axis=1).min() < 4
    assert f"Daly: {seconds(optima['Daly'])}." in figure.alt


@pytest.mark.parametrize(
    ("x", "measured", "words"),
    [([1.0], {"a": [0.5]}, "two or more"), ([0.0, 1.0], {"a": [0.5, 0.5]}, "above 0"),
     ([1.0, 2.0], {"a": [0.5]}, "shares"), ([1.0, 2.0], {"a": [0.5, 1.1]}, "shares"),
     ([1.0, 2.0], {}, "measured or model")],
)  # fmt: skip
def test_goodputs_that_are_none_are_refused(x, measured, words):
    with pytest.raises(ValueError, match=words):
        goodput_curve(x, measured, ruler="virtual")


@given(st.lists(st.integers(-300, 300), min_size=1, max_size=60))
def test_every_sum_is_in_a_bar_and_results_are_counted(ulps):
    sums = np.float32(1.5) + np.array(ulps, np.float32) * np.float32(2**-23)
    figure = sum_spread({"orders": sums}, 1.5)
    told = re.findall(r"ulps: ([\d,]+) of", figure._repr_html_())
    assert sum(int(n.replace(",", "")) for n in told) == len(ulps)
    assert f"{len(set(ulps))} different result" in figure.alt
    assert f"{min(ulps):.1f} to {max(ulps):.1f} ulps" in figure.alt


@pytest.mark.parametrize("sums", [{}, {"a": []}, {"a": [np.inf]}, {"a": [[1.0]]}])
def test_sums_that_cannot_be_drawn_are_refused(sums):
    with pytest.raises(ValueError, match="finite sums"):
        sum_spread(sums, 1.0)


def test_time_is_drawn_where_it_went_and_failures_have_a_tick(tmp_path):
    told = [("restart", 0, 600), ("work", 600, 1800), ("save", 1800, 1900), ("lost", 1900, 3600),
            ("restart", 3600, 4000), ("work", 4000, 99_000)]  # fmt: skip
    figure = time_spent({"a": told}, 2)
    assert "a: 61.1 % work, 1.4 % save, 23.6 % lost, 13.9 % restart." in figure.alt
    root = parsed(figure, tmp_path)
    (failure,) = by_class(root, "failure")
    assert float(re.findall(r"[\d.]+", failure.get("d"))[0]) == pytest.approx(260, abs=0.1)
    (lost,) = by_class(root, "lost")
    x, _, wide, _ = map(float, re.findall(r"[\d.]+", lost.get("d"))[:4])
    assert (x, wide) == pytest.approx((1 + 518 * 1900 / 7200, 518 * 1700 / 7200), abs=0.05)


@pytest.mark.parametrize(
    ("rows", "hours"), [({}, 1), ({"a": []}, 0), ({"a": [("sleep", 0, 1)]}, 1)]
)
def test_time_that_was_not_spent_is_refused(rows, hours):
    with pytest.raises(ValueError, match=r"time_spent needs|one of"):
        time_spent(rows, hours)


def test_a_sum_stands_at_its_distance_and_the_words_say_how_many_differ(tmp_path):
    ulps = [-3, -3, 0, 7, 7, 7]
    sums = np.float32(1.5) + np.array(ulps, np.float32) * np.float32(2**-23)
    root = parsed(sum_spread({"orders": sums}, 1.5), tmp_path)
    told = [bar.find(f"{SVG}title").text for bar in by_class(root, "bar")]
    assert told == ["about -3 ulps: 2 of 6 sums", "about 0 ulps: 1 of 6 sums",
                    "about 7 ulps: 3 of 6 sums"]  # fmt: skip
    assert "orders: 3 different results" in ["".join(t.itertext()) for t in root.iter(f"{SVG}text")]
    (exact,) = by_class(root, "exact")
    middle = by_class(root, "bar")[1]
    at = float(middle.get("x")) + float(middle.get("width")) / 2
    assert at == pytest.approx(float(re.findall(r"[\d.]+", exact.get("d"))[0]), abs=0.1)
