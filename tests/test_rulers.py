import html
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlpar import rulers as module
from dlpar.rulers import Wall, badge, nbytes, rulers, seconds, si, wall, wall_of

MILLI = Wall(1.24e-3, 1.2e-3, 1.31e-3, 15, 2, 1)


@pytest.fixture
def clock(monkeypatch):
    """Return a list of durations, s, that the next calls will seem to take."""
    durations, now = [], [0.0]

    def fake():
        fake.calls += 1
        if fake.calls % 2 == 0:  # the second reading of a pair
            now[0] += durations.pop(0)
        return now[0]

    fake.calls = 0
    monkeypatch.setattr(module, "perf_counter", fake)
    return durations


@pytest.mark.parametrize("n", [1, 2, 15])
def test_wall_gives_median_and_quartiles_of_single_calls(clock, n):
    times = np.random.default_rng(n).exponential(size=n)
    clock.extend(times)
    got = wall(lambda: None, repeats=n, warmup=0)
    assert (got.q1, got.median, got.q3) == pytest.approx(np.quantile(times, [0.25, 0.5, 0.75]))
    assert got.repeats == n


@pytest.mark.parametrize(("repeats", "warmup"), [(1, 0), (3, 2), (1, 5)])
def test_warm_up_calls_come_first_and_are_not_timed(clock, repeats, warmup):
    clock.extend([1.0] * repeats)
    calls = []
    wall(lambda: calls.append(len(clock)), repeats=repeats, warmup=warmup)
    assert calls == [repeats] * warmup + list(range(repeats, 0, -1))


def test_real_time_is_ordered_and_never_negative():
    got = wall(lambda: sum(range(100)), repeats=5)
    assert 0 < got.q1 <= got.median <= got.q3 < 1
    assert 1 <= got.cores <= 4096
    assert got.blas_threads is None or got.blas_threads >= 1


@pytest.mark.parametrize(
    ("fn", "repeats", "warmup", "error", "argument"),
    [
        (7, 1, 0, TypeError, "fn"),
        (len, 0, 0, ValueError, "repeats"),
        (len, -1, 0, ValueError, "repeats"),
        (len, 1, -1, ValueError, "warmup"),
        (len, 1.5, 0, TypeError, "repeats"),
        (len, True, 0, TypeError, "repeats"),
    ],
)
def test_wall_refuses_what_it_cannot_time(fn, repeats, warmup, error, argument):
    with pytest.raises(error, match=argument):
        wall(fn, repeats, warmup)


def test_wall_says_what_the_number_depends_on():
    assert repr(MILLI) == "1.24 ms (IQR 1.20 to 1.31), 15 runs, 2 cores, BLAS threads 1"
    alone = Wall(2.0, 2.0, 2.0, 1, 1, None)
    assert repr(alone) == "2.00 s (IQR 2.00 to 2.00), 1 run, 1 core, BLAS threads unknown"


def test_the_quartiles_share_the_unit_of_the_median():
    assert Wall(999e-6, 0.9e-3, 1.5e-3, 3, 2, 1).time == "999 µs (IQR 900 to 1,500)"


@pytest.mark.parametrize("n", [1, 2, 7])
def test_times_measured_elsewhere_get_median_and_quartiles(n):
    times = np.random.default_rng(n).exponential(size=n)
    wall = wall_of(times)
    assert (wall.q1, wall.median, wall.q3) == pytest.approx(np.quantile(times, [0.25, 0.5, 0.75]))
    assert wall.repeats == n


@pytest.mark.parametrize("times", [[], [[1.0]]])
def test_no_times_are_refused(times):
    with pytest.raises(ValueError, match="one or more times"):
        wall_of(times)


def test_half_of_a_round_trip_is_a_message():
    assert Wall(4e-6, 2e-6, 8e-6, 15, 2, 1) / 2 == Wall(2e-6, 1e-6, 4e-6, 15, 2, 1)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (0, "0 s"),
        (1.24e-3, "1.24 ms"),
        (999.96e-6, "1.00 ms"),  # rounded first, then given its prefix
        (1e-6, "1.00 µs"),
        (-2.5e-9, "-2.50 ns"),
        (12.34, "12.3 s"),
        (3600, "3,600 s"),
        (float("inf"), "inf s"),
        (np.float32(0.5), "500 ms"),
    ],
)
def test_seconds_have_three_digits_and_a_prefix(x, words):
    assert seconds(x) == words


@pytest.mark.parametrize(
    ("x", "words"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (28_672, "28.7 kB"), (184e6, "184 MB")],
)
def test_bytes_are_decimal_and_exact_when_few(x, words):
    assert nbytes(x) == words


@given(st.floats(1e-12, 9e14))
def test_the_text_of_a_number_is_the_number_to_three_digits(x):
    number, unit = si(x, "B").split(" ")
    scale = 1000.0 ** ["pB", "nB", "µB", "mB", "B", "kB", "MB", "GB", "TB"].index(unit) / 1000.0**4
    assert float(number) * scale == pytest.approx(x, rel=5.1e-3)  # half of the third digit
    assert sum(c.isdigit() for c in number) == 3


def test_counts_are_exact_and_quantities_stand_side_by_side():
    table = rulers(
        counted={"bytes": np.int64(12_345_678), "each": [6, 6, 6, 6], "some": np.array([1, 2000])},
        virtual={"time": 3.2e-5},
        wall={"time": MILLI},
        quoted={"time": "184 MB (Seide 2014)"},
    )
    lines = repr(table).splitlines()
    assert "12,345,678" in lines[1]
    assert "6 on each of 4 ranks" in lines[2]
    assert "1 · 2,000" in lines[3]
    assert all(s in lines[4] for s in ("32.0 µs", "1.24 ms (IQR 1.20 to 1.31)", "184 MB (Seide"))
    assert lines[5] == "wall: 15 runs, 2 cores, BLAS threads 1"
    assert [lines[0].index(f"{mark} {kind}") for kind, (mark, *_) in module.MARKS.items()] == [
        lines[k].index(s) for k, s in ((1, "12,345"), (4, "32.0"), (4, "1.24"), (4, "184"))
    ]


@pytest.mark.parametrize(
    ("value", "words"),
    [(2.5, "2.5"), (1e9, "1,000,000,000"), ([], "none"), ([7], "7"), (range(9), "0 to 8 on 9")],
)
def test_other_counts_are_readable(value, words):
    assert words in repr(rulers(counted={"n": value}))


def test_a_table_is_well_formed_and_escapes_what_it_is_given():
    evil = "</td><script>alert('1')</script>&\""
    table = rulers(counted={evil: 1}, quoted={"x": evil})
    root = ElementTree.fromstring(table._repr_html_())
    assert [e.tag for e in root.iter() if e.tag == "script"] == []
    assert [e.text for e in root.iter() if e.text and "alert" in e.text] == [evil, evil]
    assert html.escape(evil) in table._repr_html_()


def test_an_empty_table_and_odd_values_are_refused():
    with pytest.raises(ValueError, match="at least one"):
        rulers(counted={})
    for value in (None, {"a": 1}, [[1]], 1 + 2j):
        with pytest.raises(TypeError, match="rulers shows"):
            rulers(counted={"x": value})


@pytest.mark.parametrize("kind", ["counted", "virtual", "wall", "quoted"])
def test_a_badge_has_a_colour_a_mark_and_a_word(kind):
    root = ElementTree.fromstring(badge(kind)._repr_html_())
    path = root.find(".//path")
    assert path.get("fill").startswith("#")
    assert path.get("d").startswith("M")
    assert "".join(root.itertext()) == kind
    assert repr(badge(kind)).endswith(kind)


def test_no_two_rulers_share_a_colour_or_a_mark():
    for column in zip(*module.MARKS.values(), strict=True):
        assert len(set(column)) == 4
    with pytest.raises(ValueError, match="guessed"):
        badge("guessed")
