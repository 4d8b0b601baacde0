"""Plain .ipynb copies of the chapters: beside every page of the site, and by `make notebooks`.

Run as a script it writes the copies into the folder that is named. As a Sphinx extension it
readies the executed copies that the theme offers for download, so that they also run in Colab;
takes out the scripts of Thebe, which would fetch from a server and which no page uses; and puts
the book's title beside its logo.
"""

import re
import sys
from pathlib import Path

import jupytext
import nbformat
import yaml

from dlpar.labs.notebook import cut_solutions

REPOSITORY = "https://github.com/dlpar/dlpar"
SETUP = f"""\
# Where dlpar is missing (Colab, a bare kernel), this cell installs it.
import importlib.util

if importlib.util.find_spec("dlpar") is None:
    %pip install --quiet "dlpar[book] @ git+{REPOSITORY}"
"""
FOLDED = re.compile(r":::\{admonition\} ([^\n]*)\n:class: dropdown\n\n?(.*?)\n:::$", re.M | re.S)


def ready(notebook):
    """Make `notebook` fit to be given away: it installs dlpar, and holds no plan and no solution.

    What is folded stays folded where MyST is not spoken, as in Colab and VS Code. A lab's outputs
    are those of its solutions, whose lines they may show: they go, too.
    """
    if any("### BEGIN SOLUTION" in cell.source for cell in notebook.cells):
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs = []
    for cell in notebook.cells:
        cell.source = FOLDED.sub(r"<details><summary>\1</summary>\n\n\2\n\n</details>", cell.source)
        if "### BEGIN SOLUTION" in cell.source or "{include} hints.md" in cell.source:
            cell.source = cut_solutions(cell.source + "\n").rstrip()
    cell = nbformat.v4.new_code_cell(SETUP, id="setup", metadata={"tags": ["remove-cell"]})
    notebook.cells.insert(0, cell)
    notebook.metadata.pop("plan", None)
    return notebook


def write_copies(root, folder):
    """Write a copy of each page in _toc.yml under `folder`; return the paths."""
    paths = []
    for page in pages(root):
        path = Path(folder, page).with_suffix(".ipynb")
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(ready(jupytext.read(Path(root, page).with_suffix(".md"))), path)
        paths.append(path)
    return paths


def pages(root):
    """Return the pages of _toc.yml, in the order of the book, without a suffix."""
    toc = yaml.safe_load(Path(root, "_toc.yml").read_text())
    chapters = [c["file"] for part in toc.get("parts", []) for c in part["chapters"]]
    return [toc["root"], *chapters]


def _finish_page(app, pagename, templatename, context, doctree):
    if "script_files" in context:
        scripts = [s for s in context["script_files"] if "thebe" not in _words(s).lower()]
        context["script_files"] = scripts
    copy = context.get("ipynb_source")  # set by the theme once it has copied the notebook
    if copy is None:
        return
    path = Path(app.outdir, "_sources", copy)
    nbformat.write(ready(nbformat.read(path, as_version=4)), path)
    for group in context["header_buttons"]:
        for button in group.get("buttons", []):
            if button["text"] == "Colab":  # which opens .ipynb only: the published site has it
                button["url"] = button["url"].partition("/blob/")[0] + (
                    f"/blob/gh-pages/_sources/{copy}"
                )


def _words(script):
    return f"{script.filename} {script.attributes}"


def _name_beside_logo(app, config):
    config.html_theme_options["logo"] = {"text": config.html_title}


def setup(app):
    """Connect after the theme, which adds its buttons at priority 501 and below."""
    app.connect("config-inited", _name_beside_logo)
    app.connect("html-page-context", _finish_page, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    for written in write_copies(Path(__file__).parents[2], sys.argv[1]):
        print(written)
