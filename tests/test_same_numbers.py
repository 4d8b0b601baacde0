"""CI's comparison of two executions: it must see a changed count, and let a wall clock be noisy."""

import runpy
from pathlib import Path

import nbformat
import pytest

from dlpar.rulers import badge, rulers

COMPARE = runpy.run_path(str(Path(__file__).parents[1] / ".ci" / "same_numbers.py"))


def page(html="", text="", stream="", metadata=None):
    data = {"text/html": html, "text/plain": text} if html else {"text/plain": text}
    outputs = [
        nbformat.v4.new_output("display_data", data, metadata=metadata or {}),
        nbformat.v4.new_output("stream", text=stream),
    ]
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x", outputs=outputs)])


def differ(first, second):
    return len(list(COMPARE["differences"](first, second)))


def table(count, virtual, measured):
    shown = rulers(counted={"n": count}, virtual={"t": virtual}, wall={"t": measured})
    return page(shown._repr_html_(), repr(shown))


def figure(kind, points):
    return page(f"{badge(kind)._repr_html_()}<svg><text>{points}</text></svg>")


def test_the_same_page_does_not_differ_from_itself():
    assert differ(table(1, 2.0, 3.0), table(1, 2.0, 3.0)) == 0


def test_wall_time_may_differ():
    assert differ(table(1, 2.0, 3.0), table(1, 2.0, 4.0)) == 0
    assert differ(figure("wall", 1), figure("wall", 2)) == 0


@pytest.mark.parametrize("other", [table(2, 2.0, 3.0), table(1, 2.5, 3.0)])
def test_counts_and_virtual_time_may_not(other):
    assert differ(table(1, 2.0, 3.0), other) == 1


@pytest.mark.parametrize("kind", ["counted", "virtual"])
def test_figures_of_counted_and_virtual_numbers_may_not(kind):
    assert differ(figure(kind, 1), figure(kind, 2)) == 1


def test_what_is_printed_may_not():
    assert differ(page(stream="6 messages"), page(stream="7 messages")) == 1
    assert differ(page(text="6"), page(text="7")) == 1


def test_glued_values_may_they_stand_in_a_sentence_that_names_their_ruler():
    glued = {"scrapbook": {"name": "alpha"}}
    assert differ(page(text="6", metadata=glued), page(text="7", metadata=glued)) == 0


def test_a_table_beside_a_kernels_source_is_compared_whole():
    wide = '<div class="dlpar-rulers"><table><thead><tr><th>a<th>b<th>c</thead><tbody><tr><td>{}'
    assert differ(page(wide.format(1)), page(wide.format(1))) == 0
    assert differ(page(wide.format(1)), page(wide.format(2))) == 1


def printed(*parts):
    outputs = [nbformat.v4.new_output("stream", text=part) for part in parts]
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x", outputs=outputs)])


def test_a_print_may_come_in_parts_but_not_lack_one():
    assert differ(printed("6 mess", "ages"), printed("6 messages")) == 0
    assert differ(printed("6 messages"), printed()) == 1
