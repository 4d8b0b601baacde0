"""Compare the executed pages of two builds: all counted and virtual numbers must be the same.

What may differ is what a wall clock measured: columns and figures under the wall badge, and glued
values, which are listed. Exits with 1 and names page and cell where anything else differs.
"""

import sys
from itertools import zip_longest
from pathlib import Path

import nbformat
from bs4 import BeautifulSoup


def differences(first, second):
    """Yield (cell number, what differs) for two executions of one page."""
    pairs = zip(first.cells, second.cells, strict=True)
    for number, (a, b) in enumerate(pairs):
        for was, now in zip_longest(outputs(a), outputs(b), fillvalue="no output"):
            if was != now:
                yield number, f"{was}\n    became\n    {now}"


def outputs(cell):
    """Return what must be the same; of a stream, whose parts come as the kernel flushes, once."""
    said: list[tuple[str | None, str]] = []
    for output in cell.get("outputs", []):
        stream, words = output.get("name"), steady(output)
        if stream is not None and said and said[-1][0] == stream:
            said[-1] = stream, said[-1][1] + words
        else:
            said.append((stream, words))
    return [words for _, words in said]


def steady(output):
    """Return what of an output must be the same in every run."""
    if "scrapbook" in output.get("metadata", {}):
        return "glue"
    if output.output_type == "stream":
        return output.text
    data = output.get("data", {})
    if "text/html" not in data:
        return data.get("text/plain", "")
    page = BeautifulSoup(data["text/html"], "html.parser")
    for tag in page(["style", "script"]):
        tag.decompose()
    if page.select_one(".dlpar-rulers"):
        return without_wall(page)
    has_wall = any(mark.get_text() == "wall" for mark in page.select("text, .dlpar-badge"))
    return "wall" if has_wall else str(page)


def without_wall(page):
    heads = [head.get_text() for head in page.select("thead th")]
    if "wall" not in heads:
        return str(page)
    rows = [[cell.get_text() for cell in row.select("td")] for row in page.select("tbody tr")]
    kept = [i for i, head in enumerate(heads) if head != "wall"]
    return str([[row[i] for i in kept] for row in rows])


def main(old, new):
    pages = sorted(path.relative_to(old) for path in old.rglob("*.ipynb"))
    if not pages or pages != sorted(path.relative_to(new) for path in new.rglob("*.ipynb")):
        sys.exit("the two builds do not hold the same pages")
    bad = 0
    for page in pages:
        first, second = (nbformat.read(folder / page, as_version=4) for folder in (old, new))
        for number, words in differences(first, second):
            bad += 1
            print(f"{page}, cell {number}:\n    {words}")
    print(f"{len(pages)} pages executed twice, {bad} outputs differ")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
