"""The papers' numbers: each with a source, a ruler and a measurement; what is a gate is met."""

import html
import re
from dataclasses import replace

import pytest

from dlpar.claims import CLAIMS, EVIDENCE, Claim, compare, compression

SLOW = "Large batches"  # seconds of small networks
MADE = Claim("A", "b < c", 2.0, "B, section 1", "seen", "counted", lambda: 3.0, None, "as & if")


@pytest.fixture(scope="module")
def compared():
    return compare(claim for claim in CLAIMS if claim.system != SLOW)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: f"{claim.system}: {claim.quantity}")
def test_a_claim_says_where_it_is_from_and_what_measures_ours(claim):
    assert re.search(r"\d|nccl-tests", claim.source)
    assert claim.evidence in EVIDENCE
    assert claim.ruler in ("counted", "virtual")
    assert callable(claim.measure)
    assert claim.paper > 0
    assert claim.within is not None or claim.note, "what is held where the number is not?"


def test_claims_differ():
    assert len({(claim.system, claim.quantity) for claim in CLAIMS}) == len(CLAIMS)


def test_every_gate_is_met_and_no_gate_is_from_memory(compared):
    for one in compared.rows:
        assert one.met is not False, one
        assert not (one.claim.evidence == "mem" and one.claim.within is not None)
    assert sum(one.met is True for one in compared.rows) >= 10


def test_where_only_the_shape_is_held_it_holds(compared):
    ours = {one.claim.quantity: one.ours for one in compared.rows if one.met is None}
    assert ours["workers' time spent waiting, no delay, %"] > 5 * ours["the same, delay 16, %"]
    assert 0 < ours["delay of the shortest run"] < 32
    assert 90 < ours["effective training time, 419 stops in 54 days, %"] < 100
    assert ours["points more misread than with floats"] < 1 < compression.more_misread("forgetful")
    without = ours["speed of 32 nodes over one, VGG19-22K, Caffe + WFBP"]
    poseidon, server = (compression.poseidon_speed_up(n) for n in ("Poseidon", "Caffe + PS"))
    assert server < without < poseidon
    assert ours["a step on the first free GPUs, over one placed by bipartition"] > 1.05
    assert ours["mean JCT, first come first served over 2D-LAS"] > 1.5
    assert ours["makespan, the better of pack and spread over waiting for a good place"] > 1.1
    assert ours["work done in a GPU's time, over first come first served"] > 1.1
    assert 1 / 8 <= ours["way of 8 averaged workers, over that of one"] < 0.5


def test_the_measurements_of_the_large_batches_run():
    """With one seed; the order over many is held in test_large_batches.py."""
    claims = [claim for claim in CLAIMS if claim.system == SLOW]
    assert len(claims) == 5
    assert all(claim.measure.func(claim.measure.args[0], range(1)) > 0 for claim in claims)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"evidence": "heard"}, "seen, calc, mem"),
        ({"ruler": "wall"}, "counted or virtual"),
        ({"evidence": "mem", "within": 0.5}, "no gate"),
        ({"within": -0.1}, "no gate"),
    ],
)
def test_a_claim_that_cannot_be_held_is_refused(wrong, named):
    with pytest.raises(ValueError, match=named):
        replace(MADE, **wrong)


def test_a_comparison_shows_ratio_ruler_and_demand():
    gate = replace(MADE, within=0.6, quantity="met")
    missed = replace(MADE, within=0.1, quantity="missed")
    shown = compare([MADE, gate, missed])
    assert [one.ratio for one in shown.rows] == [1.5] * 3
    assert [one.met for one in shown.rows] == [None, True, False]
    text = repr(shown)
    assert "paper 2, ours 3 ■ counted, ratio 1.5, the shape" in text
    assert "within 60 %: yes" in text
    assert "within 10 %: no" in text
    page = shown._repr_html_()
    assert html.escape("b < c") in page
    assert "as &amp; if" in page
    assert page.count("<tr") == 4
