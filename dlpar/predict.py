"""Predict, then run: the browser keeps the reader's guess and shows it beside the run's answer."""

import html
import json
import math
from dataclasses import dataclass
from numbers import Real
from pathlib import Path

import numpy as np

from dlpar.rulers import Badge, badge

_asked: dict[str, "Prediction"] = {}  # so that `resolve(name, answer)` knows what was asked

_SCRIPT, _CSS = (
    Path(__file__).with_name(f"predict.{kind}").read_text(encoding="utf-8")
    for kind in ("js", "css")
)

# JupyterLab takes keys for itself (arrows move between cells, b adds one) unless the element that
# has the focus says this.
_OWN_KEYS = 'data-lm-suppress-shortcuts="true"'


def _wrapped(body):
    return f"{body}<style>{_CSS}</style><script>{_SCRIPT}</script>"


@dataclass(frozen=True)
class Prediction:
    """A question box; it shows itself in a notebook and on the site, and prints as text."""

    name: str
    question: str
    options: tuple[str, ...] | None  # None: a number is asked for
    unit: str

    def __repr__(self):
        """Return the question and its options as text."""
        if self.options is None:
            return f"Predict: {self.question}\n  ... {self.unit}".rstrip()
        return "\n".join([f"Predict: {self.question}", *(f"  ( ) {o}" for o in self.options)])

    def _repr_html_(self):
        if self.options is None:
            inputs = (
                f'<label><input type="number" step="any" inputmode="decimal" {_OWN_KEYS} '
                f'aria-label="your guess"> {html.escape(self.unit)}</label>'
            )
        else:
            inputs = "".join(
                f'<label><input type="radio" name="guess" {_OWN_KEYS} '
                f'value="{html.escape(option)}"><span>{html.escape(option)}</span></label>'
                for option in self.options
            )
        return _wrapped(
            f'<form class="dlpar-predict" data-name="{html.escape(self.name)}" autocomplete="off">'
            '<span class="word">Predict</span>'
            f"<fieldset><legend>{html.escape(self.question)}</legend>{inputs}</fieldset>"
            "<output></output></form>"
        )


@dataclass(frozen=True)
class Resolution:
    """The run's answer beside the reader's guess, which only the reader's browser knows."""

    prediction: Prediction
    answer: int | float
    note: str
    badge: Badge

    def _answer(self):
        if self.prediction.options is None:
            whole = self.answer == int(self.answer) and abs(self.answer) < 1e15
            number = f"{self.answer:,.0f}" if whole else f"{self.answer:,.4g}"
            return f"{number} {self.prediction.unit}".rstrip()
        return self.prediction.options[int(self.answer)]

    def __repr__(self):
        """Return the answer as text; the guess is the browser's."""
        said = f"The run says: {self._answer()}  {self.badge}"
        return said + (f"\n{self.note}" if self.note else "")

    def _repr_html_(self):
        asked = self.prediction
        facts = json.dumps({"options": asked.options, "answer": self.answer, "unit": asked.unit})
        note = f"<p>{html.escape(self.note)}</p>" if self.note else ""
        return _wrapped(
            f'<div class="dlpar-resolve" data-name="{html.escape(asked.name)}" '
            f'data-facts="{html.escape(facts)}"><span class="word">The run says</span>'
            f"<p><strong>{html.escape(self._answer())}</strong> {self.badge._repr_html_()}</p>"
            '<p class="guess" role="status">No guess of yours is recorded in this browser. '
            "The box above still takes one.</p>"
            '<div class="bars" aria-hidden="true"><span>you</span><i class="yours"></i>'
            f'<span>the run</span><i class="runs"></i></div>{note}</div>'
        )


def predict(name, question, options=None, unit=""):
    """Return a box that asks `question` and keeps the reader's guess in the browser.

    Parameters
    ----------
    name : the guess is kept under it: unique in the book, as "ring-messages".
    options : the answers to choose from, two or more, all different; None asks for a number.
    unit : of the number.

    Raises ValueError for an empty name or question, or options that leave no choice.
    """
    for argument, words in (("name", name), ("question", question)):
        if not isinstance(words, str) or not words.strip():
            raise ValueError(f"predict needs words for {argument}, got {words!r}")
    if options is not None:
        options = tuple(map(str, options))
        if len(set(options)) < max(2, len(options)):
            raise ValueError(f"predict needs two or more different options, got {options!r}")
    _asked[name] = Prediction(name, question, options, unit)
    return _asked[name]


def resolve(name, answer, note="", ruler="counted"):
    """Return the run's answer to the prediction `name`, beside the reader's guess.

    Parameters
    ----------
    name : of a `predict` that ran before, in this process.
    answer : the index of the right option, or the number; computed, not typed.
    note : a line that explains.
    ruler : what the answer was measured with: "counted", "virtual", "wall" or "quoted".

    Raises ValueError if there is no such ruler, nothing was predicted under `name`, the index is
    out of range or the number is not finite; TypeError if the answer is no integer or no number.
    """
    if name not in _asked:
        raise ValueError(f"resolve found no predict named {name!r}: run that cell first")
    asked = _asked[name]
    if asked.options is None:
        if isinstance(answer, bool) or not isinstance(answer, (Real, np.number)):
            raise TypeError(f"resolve needs a number for answer, got {answer!r}")
        if not math.isfinite(answer):
            raise ValueError(f"resolve needs a finite answer, got {answer!r}")
        return Resolution(asked, float(answer), note, badge(ruler))
    if isinstance(answer, bool) or not isinstance(answer, (int, np.integer)):
        raise TypeError(f"resolve needs the index of an option for answer, got {answer!r}")
    if not 0 <= answer < len(asked.options):
        raise ValueError(f"resolve needs answer from 0 to {len(asked.options) - 1}, got {answer}")
    return Resolution(asked, int(answer), note, badge(ruler))
