from html.parser import HTMLParser

import numpy as np
import pytest

from dlpar.doctor import find_chromium
from dlpar.predict import predict, resolve
from dlpar.rulers import badge

EVIL = "</fieldset><script>alert(1)</script>\"'&<b>"


class Seen(HTMLParser):
    """The elements and the words of a page, as a browser's parser would find them."""

    def __init__(self, markup):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(markup)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def test_a_box_has_one_labelled_radio_button_for_each_option():
    box = predict("t-box", "How many?", ["3", "4", "6"])
    seen = Seen(box._repr_html_())
    assert [a["value"] for a in seen.all("input")] == ["3", "4", "6"]
    assert {(a["type"], a["name"]) for a in seen.all("input")} == {("radio", "guess")}
    assert [len(seen.all(tag)) for tag in ("fieldset", "legend", "label")] == [1, 1, 3]
    assert repr(box) == "Predict: How many?\n  ( ) 3\n  ( ) 4\n  ( ) 6"


def test_a_number_is_asked_for_with_its_unit():
    box = predict("t-number", "How much?", unit="MB")
    (field,) = Seen(box._repr_html_()).all("input")
    assert field["type"] == "number"
    assert "MB" in box._repr_html_()
    assert repr(box) == "Predict: How much?\n  ... MB"


@pytest.mark.parametrize(
    ("name", "question", "options", "words"),
    [
        ("", "q", ["a", "b"], "name"),
        ("n", " ", ["a", "b"], "question"),
        (7, "q", ["a", "b"], "name"),
        ("n", "q", [], "options"),
        ("n", "q", ["only"], "options"),
        ("n", "q", ["same", "same"], "options"),
    ],
)
def test_a_question_without_a_choice_is_refused(name, question, options, words):
    with pytest.raises(ValueError, match=words):
        predict(name, question, options)


@pytest.mark.parametrize("answer", [0, 2, np.int64(1)])
def test_the_answer_is_the_option_of_its_index(answer):
    predict("t-answer", "?", ["none", "one", "two"])
    solved = resolve("t-answer", answer, note="because")
    assert repr(solved) == f"The run says: {['none', 'one', 'two'][answer]}  ■ counted\nbecause"
    assert "because" in Seen(solved._repr_html_()).words


@pytest.mark.parametrize(
    ("answer", "words"),
    [(184, "184 MB"), (28_672.0, "28,672 MB"), (0.123456, "0.1235 MB"), (np.float32(2), "2 MB")],
)
def test_a_number_is_shown_with_its_unit(answer, words):
    predict("t-unit", "?", unit="MB")
    assert repr(resolve("t-unit", answer)).startswith(f"The run says: {words}  ")


def test_an_answer_carries_the_badge_of_its_ruler():
    predict("t-ruler", "?", unit="s")
    solved = resolve("t-ruler", 2, ruler="wall")
    assert badge("wall")._repr_html_() in solved._repr_html_()
    with pytest.raises(ValueError, match="stopwatch"):
        resolve("t-ruler", 2, ruler="stopwatch")


@pytest.mark.parametrize(
    ("options", "answer", "error"),
    [
        (["a", "b"], 2, ValueError),
        (["a", "b"], -1, ValueError),
        (["a", "b"], 0.0, TypeError),
        (["a", "b"], True, TypeError),
        (["a", "b"], "a", TypeError),
        (None, float("nan"), ValueError),
        (None, float("inf"), ValueError),
        (None, "7", TypeError),
        (None, True, TypeError),
    ],
)
def test_an_answer_to_another_question_is_refused(options, answer, error):
    predict("t-wrong", "?", options)
    with pytest.raises(error, match="answer"):
        resolve("t-wrong", answer)


def test_what_was_never_asked_cannot_be_resolved():
    with pytest.raises(ValueError, match="t-never"):
        resolve("t-never", 0)


def test_words_stay_words():
    boxes = predict(EVIL, EVIL, [EVIL, "b"]), resolve(EVIL, 0, note=EVIL)
    boxes += predict("t-evil", "?", unit=EVIL), resolve("t-evil", 1)
    assert Seen(boxes[0]._repr_html_()).all("input")[0]["value"] == EVIL
    for box in boxes:
        seen = Seen(box._repr_html_())
        assert len(seen.all("script")) == 1  # ours
        assert seen.all("b") == []
        assert any(EVIL in words for words in seen.words) or EVIL in str(seen.tags)


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


@pytest.fixture
def visit(chromium, tmp_path):
    """Return a function that writes outputs to a page and opens it, as the same reader."""
    context, wrong = chromium.new_context(offline=True), []

    def open_page(*outputs, before=""):
        body = "".join(f"<div>{output._repr_html_()}</div>" for output in outputs)
        page = tmp_path / "page.html"
        page.write_text(f"<!doctype html><meta charset=utf-8>{before}{body}", encoding="utf-8")
        tab = context.new_page()
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        tab.goto(page.as_uri())
        return tab

    yield open_page
    context.close()
    assert wrong == []


in_browser = pytest.mark.xdist_group("browser")


@in_browser
def test_a_guess_is_recorded_survives_the_page_and_stands_beside_the_answer(visit):
    asked = predict("t-choice", "How many?", ["3", "six & <b>", "12"])
    solved = resolve("t-choice", 1, note="2(p-1)")
    tab = visit(asked, solved)
    guess, said = tab.locator(".guess"), tab.locator("output")
    assert "No guess of yours" in guess.inner_text()
    assert said.inner_text() == ""
    tab.get_by_label("12").check()
    assert guess.inner_text() == "You guessed: 12"  # at once, on the same page
    assert said.inner_text().startswith("Recorded")
    tab.keyboard.press("ArrowUp")  # by keyboard, to the option above
    assert guess.inner_text() == "You guessed the same."
    expect = pytest.importorskip("playwright.sync_api").expect
    again = tab.context.new_page()  # which hears of the guess as soon as the browser has kept it
    again.goto(tab.url)
    expect(again.get_by_label("six & <b>")).to_be_checked()
    tab.reload()
    assert tab.get_by_label("six & <b>").is_checked()
    later = visit(solved)  # another page, without the box
    assert later.locator(".guess").inner_text() == "You guessed the same."
    assert later.locator(".dlpar-resolve").get_attribute("data-verdict") == "hit"


@in_browser
@pytest.mark.parametrize(
    ("answer", "typed", "words", "shares"),
    [
        (1.5, "6", "You guessed 6 MB. 4 times too high.", (100, 25)),
        (1.5, "0.5", "You guessed 0.5 MB. 3 times too low.", (100 / 3, 100)),
        (200, "150", "You guessed 150 MB. Too low by 25 %.", (75, 100)),
        (-2, "-3", "You guessed -3 MB. Too low by 50 %.", (100, 200 / 3)),
        (0, "4", "You guessed 4 MB. Too high by 4.", (100, 0)),
        (28_672, "28672", "You guessed 28,672 MB. Exactly right.", (100, 100)),
    ],
)
def test_the_gap_between_two_numbers_is_said_and_drawn(visit, answer, typed, words, shares):
    tab = visit(predict("t-gap", "How much?", unit="MB"), resolve("t-gap", answer))
    tab.locator("input").fill(typed)
    tab.keyboard.press("Tab")
    assert tab.locator(".guess").inner_text() == words
    widths = tab.eval_on_selector_all(".bars i", "all => all.map(i => parseFloat(i.style.width))")
    assert widths == pytest.approx(shares, abs=0.01)


@in_browser
def test_boxes_do_not_disturb_one_another_and_may_stand_twice(visit):
    one = predict("t-one", "?", ["a", "b"])
    two = predict("t-two", "?", ["a", "b"])
    tab = visit(one, two, one, resolve("t-one", 0), resolve("t-two", 0))
    tab.locator("form").nth(0).get_by_label("b").check()
    state = "all => all.map(i => i.checked)"
    checked = tab.eval_on_selector_all("input", state)
    assert checked == [False, True, False, False, False, True]
    assert tab.locator(".guess").nth(0).inner_text() == "You guessed: b"
    assert "No guess" in tab.locator(".guess").nth(1).inner_text()


@in_browser
def test_an_option_that_changed_forgets_the_guess_rather_than_twist_it(visit):
    tab = visit(predict("t-edition", "?", ["a", "b"]))
    tab.get_by_label("b").check()
    tab = visit(predict("t-edition", "?", ["b", "c"]), resolve("t-edition", 1))
    assert tab.locator(".guess").inner_text() == "You guessed: b"
    tab = visit(predict("t-edition", "?", ["a", "c"]), resolve("t-edition", 1))
    assert "No guess" in tab.locator(".guess").inner_text()


@in_browser
def test_without_storage_a_guess_lives_as_long_as_the_page(visit):
    forbid = """<script>Object.defineProperty(window, "localStorage",
        {get() { throw new DOMException("no", "SecurityError"); }});</script>"""
    predict("t-memory", "?", ["a", "b"])
    outputs = predict("t-memory", "?", ["a", "b"]), resolve("t-memory", 0)
    tab = visit(*outputs, before=forbid)
    tab.get_by_label("a").check()
    assert tab.locator(".guess").inner_text() == "You guessed the same."
