"""The crossover map: each cell says who won there, each line where the formula changes its mind."""

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from dlpar.figures import crossover_map
from dlpar.figures.svg import hue

SVG = "{http://www.w3.org/2000/svg}"
SIZES, RANKS = [100, 1_000, 10_000, 100_000], [2, 4, 8]
FOUND = [["tree"] * 4, ["tree", "tree", "ring", "ring"], ["tree", "ring", "ring", "ring"]]


def where(n, p):
    return "ring" if n > 3_000 else "tree"


def parsed(figure, tmp_path):
    figure.save(tmp_path / "figure.svg")
    return ElementTree.parse(tmp_path / "figure.svg").getroot()


def by_class(root, kind):
    return [e for e in root.iter() if kind in e.get("class", "").split()]


def test_each_cell_has_the_hue_and_the_words_of_its_winner(tmp_path):
    cells = by_class(parsed(crossover_map(SIZES, RANKS, FOUND), tmp_path), "cell")
    wide = min(float(cell.get("width")) for cell in cells)
    drawn = {}
    for cell in cells:
        row = RANKS[round((max(float(c.get("y")) for c in cells) - float(cell.get("y"))) / 27)]
        first = round((float(cell.get("x")) - 40) / wide)
        for column in range(first, first + round(float(cell.get("width")) / wide)):
            drawn[row, column] = cell.get("fill")
            assert cell.find(f"{SVG}title").text.startswith(f"{row} ranks, ")
    hues = {"tree": hue(0), "ring": hue(1)}
    assert drawn == {(p, c): hues[FOUND[r][c]] for r, p in enumerate(RANKS) for c in range(4)}
    assert len({cell.get("fill-opacity") for cell in cells}) == 2  # lightness tells them apart too


def test_the_line_stands_where_the_formula_changes_its_mind(tmp_path):
    (path,) = by_class(parsed(crossover_map(SIZES, RANKS, FOUND, where), tmp_path), "borders")
    at = {float(x) for x in re.findall(r"M([\d.]+) [\d.]+v", path.get("d"))}
    columns = (520 - 40) / 4
    true = 40 + columns * (1.5 + 0.4771)  # 3,000 lies at log10(3) from 1,000's middle on
    assert len(at) == 1
    assert abs(at.pop() - true) <= columns / 12
    assert "h" not in path.get("d")  # the same in every row


def test_lines_between_rows_are_drawn_where_the_rows_differ(tmp_path):
    figure = crossover_map(SIZES, RANKS, FOUND, lambda n, p: "tree" if p == 2 else "ring")
    (path,) = by_class(parsed(figure, tmp_path), "borders")
    assert re.findall(r"h([\d.]+)", path.get("d")) == ["480"]
    assert "v" not in path.get("d")


def test_each_region_is_named_once_and_names_do_not_cover_one_another(tmp_path):
    found = [["tree", "a long name", "ring", "tree"], ["ring", "ring", "ring", "tree"]]
    labels = by_class(parsed(crossover_map(SIZES, [2, 4], found), tmp_path), "label")
    assert sorted(label.text[0] for label in labels) == ["a", "r", "t", "t"]
    for row in {label.get("y") for label in labels}:
        at = sorted((float(e.get("x")), len(e.text)) for e in labels if e.get("y") == row)
        for (x, letters), (y, more) in pairwise(at):
            assert y - x >= 3 * (letters + more)


def test_the_words_count_the_cells_and_how_often_the_formula_was_right():
    alt = crossover_map(SIZES, RANKS, FOUND, where).alt
    assert "3 numbers of ranks from 2 to 8, 4 sizes from 100 B to 100 kB." in alt
    assert "Fastest of 12 cells: tree in 7, ring in 5." in alt
    assert "The formulas name the same in 9." in alt
    assert "virtual" in alt


@pytest.mark.parametrize(
    ("sizes", "ranks", "found", "words"),
    [
        ([1], [2], [["a"]], "two or more ascending sizes"),
        ([0, 1], [2], [["a", "a"]], "above 0"),
        ([2, 1], [2], [["a", "a"]], "ascending sizes"),
        ([1, 2], [], [], "ascending ranks"),
        ([1, 2], [4, 2], [["a", "a"]] * 2, "ascending ranks"),
        ([1, 2], [2, 4], [["a", "a"]], "2 rows of 2 names"),
        ([1, 2], [2], [["a"]], "rows of 2 names"),
    ],
)
def test_a_grid_that_does_not_fit_is_refused(sizes, ranks, found, words):
    with pytest.raises(ValueError, match=words):
        crossover_map(sizes, ranks, found)
