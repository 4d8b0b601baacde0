"""The sources of the pages: in the contents, linked, planned, small cells, no outputs."""

import ast
import re
import runpy
from pathlib import Path

import jupytext
import nbformat
import pytest
import yaml
from jupytext.config import load_jupytext_config

ROOT = Path(__file__).parents[1]
COPIES = runpy.run_path(str(ROOT / "book" / "_ext" / "notebook_copies.py"))
PAGES = COPIES["pages"](ROOT)
CHAPTERS = [page for page in PAGES if re.match(r"book/\d\d-", page)]
PLAN = {"question", "claim", "evidence", "carried forward"}  # what every plan must say

each_page = pytest.mark.parametrize("page", PAGES)


def read(page):
    return jupytext.read(ROOT / f"{page}.md")


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_every_page_is_in_the_contents_and_every_content_is_a_page():
    written = {str(path.relative_to(ROOT).with_suffix("")) for path in written_pages()}
    assert written == set(PAGES)
    assert len(PAGES) == len(set(PAGES))


def written_pages():
    return [*(ROOT / "book").glob("*.md"), *(ROOT / "labs").glob("*/lab.md")]


@pytest.mark.parametrize("page", PAGES[1:])
def test_the_first_page_leads_to_every_other(page):
    intro = (ROOT / "book" / "intro.md").read_text()
    target = f"{page}.md".removeprefix("book/")
    if page.startswith("labs/"):
        target = f"../{target}"
    assert f"]({target})" in intro


@each_page
def test_a_page_is_a_notebook_in_text_without_outputs(page):
    header = yaml.safe_load((ROOT / f"{page}.md").read_text().split("---\n")[1])
    assert header["jupytext"]["text_representation"]["format_name"] == "myst"
    assert header["kernelspec"]["name"] == "python3"
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code(read(page)))


@each_page
def test_cells_are_small(page):
    for cell in code(read(page)):
        source = re.sub(r"### BEGIN SOLUTION.*?### END SOLUTION", "", cell.source, flags=re.S)
        assert len(source.splitlines()) <= 15, cell.source


@each_page
def test_pages_import_no_mpi(page):
    for cell in code(read(page)):
        source = re.sub(r"^[%!].*$", "", cell.source, flags=re.M)
        for node in ast.walk(ast.parse(source)):
            names = [alias.name for alias in getattr(node, "names", []) if hasattr(alias, "name")]
            assert not any("mpi4py" in str(n) for n in [*names, getattr(node, "module", "")])


@each_page
def test_what_resolves_a_guess_is_shown(page):
    for cell in code(read(page)):
        lines = ast.parse(re.sub(r"^[%!].*$", "", cell.source, flags=re.M)).body
        for node in lines[:-1]:  # only the value of a cell's last line is shown
            assert not ast.unparse(node).startswith("resolve("), cell.source


@pytest.mark.parametrize("page", CHAPTERS)
def test_a_chapter_keeps_its_plan_and_its_evidence_is_a_cell(page):
    text = (ROOT / f"{page}.md").read_text()
    plan = yaml.safe_load(text.split("---\n")[1])["plan"]
    assert plan.keys() >= PLAN
    evidence = plan["evidence"]
    for exhibit in evidence if isinstance(evidence, list) else [evidence]:
        assert exhibit["ruler"] in {"counted", "virtual", "wall", "quoted"}
        assert f":name: {exhibit['cell']}" in text or f"name: {exhibit['cell']}" in text


@pytest.mark.parametrize("page", CHAPTERS)
def test_a_chapter_lets_its_reader_predict_break_and_recall(page):
    text = (ROOT / f"{page}.md").read_text()
    names = set(re.findall(r"\bpredict\(\s*\"([\w-]+)\"", text))
    assert names
    assert names == set(re.findall(r"\bresolve\(\s*\"([\w-]+)\"", text))
    assert len(re.findall(r":class: .*then-and-now", text)) >= 1
    assert len(re.findall(r":class: .*takeaway", text)) == 1


def test_predictions_have_names_of_their_own():
    names = [
        name
        for page in PAGES
        for name in re.findall(r"\bpredict\(\s*\"([\w-]+)\"", (ROOT / f"{page}.md").read_text())
    ]
    assert len(names) == len(set(names))


@each_page
def test_saving_a_page_in_jupyterlab_loses_nothing(page):
    before = read(page)
    config = load_jupytext_config(str(ROOT / page))
    after = jupytext.reads(jupytext.writes(before, fmt="md:myst", config=config), fmt="md:myst")
    assert after.metadata.get("plan") == before.metadata.get("plan")
    assert [(c.cell_type, c.source, c.metadata) for c in after.cells] == [
        (c.cell_type, c.source, c.metadata) for c in before.cells
    ]


def test_notebook_copies_install_dlpar_and_hide_plans_and_solutions(tmp_path):
    paths = COPIES["write_copies"](ROOT, tmp_path)
    assert [str(path.relative_to(tmp_path).with_suffix("")) for path in paths] == PAGES
    for path in paths:
        copy = nbformat.read(path, as_version=4)
        nbformat.validate(copy)
        assert "pip install" in copy.cells[0].source
        assert "plan" not in copy.metadata
        assert "BEGIN SOLUTION" not in path.read_text()


def test_answers_stay_folded_in_a_notebook_copy_and_on_the_page(tmp_path):
    for path in COPIES["write_copies"](ROOT, tmp_path):
        page = path.relative_to(tmp_path).with_suffix(".md")
        source, copy = (ROOT / page).read_text(), nbformat.read(path, as_version=4)
        told = "\n".join(cell.source for cell in copy.cells)
        folded = source.count(":::{admonition} Answers\n:class: dropdown\n")
        assert folded == source.count("Answers"), "JupyterLab shows no mark on <details>"
        assert folded == told.count("<details><summary>Answers</summary>\n\n1. ")
        assert folded >= (page.name[:2].isdigit())
        assert "dropdown" not in told
