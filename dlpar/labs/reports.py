"""What instructor and students get to read: CSV, JSON, a page, a report each, Gradescope."""

import csv
import hashlib
import html
import io
import json
import os
import re
from pathlib import Path

from dlpar.labs.folders import hints_of
from dlpar.labs.task import HELD_OUT, PUBLIC

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run
BARS = 10  # of the distribution
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{name}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: auto; padding: 1rem }}
table {{ border-collapse: collapse }} td, th {{ padding: .2rem .8rem; text-align: left }}
td.n {{ text-align: right; font-variant-numeric: tabular-nums }}
.bar {{ background: #4c78a8; height: 1rem; display: inline-block }}
</style>
<h1>{name}</h1>
<p>{count} submissions, {of} points to get. Median {median}, mean {mean:.2f}. Seed of the held-out
inputs: {seed}.</p>
<h2>Points</h2>
<table>{bars}</table>
<h2>Tasks, the most failed first</h2>
<table><tr><th>task<th>failed<th>still a skeleton<th>failed held out only</tr>{tasks}</table>
</html>
"""


def write(lab, grades, out, json_file=None, gradescope=None):
    """Write all reports of the Assignment `lab`; `grades` : {student: grade}, see grading.py."""
    grades = dict(sorted(grades.items()))
    replace(out, _table(grades))
    replace(out.with_suffix(".html"), _page(lab, grades))
    if json_file is not None:
        head = {"lab": lab.name, "seed": lab.seed, "digest": lab.digest}
        replace(Path(json_file), json.dumps(head | {"students": grades}, indent=1) + "\n")
    hints = hints_of(lab.number)
    folder = out.with_suffix(".reports")
    for student, grade in grades.items():
        replace(folder / f"{file_name(student)}.md", _report(lab, student, grade, hints))
        if gradescope is not None:
            results = json.dumps(_gradescope(grade, hints), indent=1) + "\n"
            replace(Path(gradescope) / file_name(student) / "results.json", results)


def replace(path, text):
    """Write a file so that it is whole or not there, even after kill -9."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")
    os.replace(part, path)


def file_name(student):
    """Return a name for the student's files: no path, no surprise, no two alike."""
    safe = re.sub(r"[^A-Za-z0-9_-]+", "_", student)[:60]
    if safe != student or not safe:
        safe += "-" + hashlib.sha256(student.encode()).hexdigest()[:8]
    return safe


def counts(result):
    """Say "7/7 public + 4/4 held-out"."""
    return " + ".join(f"{result[part][0]}/{result[part][1]} {part}" for part in (PUBLIC, HELD_OUT))


def reason(grade):
    """Say in one line why points are missing."""
    tasks = [f"{task}: {r['reason']}" for task, r in grade["tasks"].items() if r["reason"]]
    return " ".join("; ".join([grade["reason"], *tasks] if grade["reason"] else tasks).split())


def _table(grades):
    file = io.StringIO()
    table = csv.writer(file, lineterminator="\n")
    tasks = list(next(iter(grades.values()))["tasks"])
    columns = [word for task in tasks for word in (task, f"{task} inputs")]
    table.writerow(["student", "points", "of", *columns, "reason"])
    for student, grade in grades.items():
        row = [student, grade["points"], grade["of"]]
        for result in grade["tasks"].values():
            row += [result["points"], counts(result)]
        table.writerow([_cell(value) for value in [*row, reason(grade)]])
    return file.getvalue()


def _cell(value):
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _page(lab, grades):
    points = sorted(grade["points"] for grade in grades.values())
    of = next(iter(grades.values()))["of"]
    middle = len(points) // 2
    median = (points[middle] + points[-middle - 1]) / 2
    return PAGE.format(
        name=html.escape(lab.name),
        count=len(points),
        of=of,
        median=f"{median:g}",
        mean=sum(points) / len(points),
        seed=lab.seed,
        bars="".join(_bars(points, of)),
        tasks="".join(_failed(grades)),
    )


def _bars(points, of):
    width = max(1, -(-(of + 1) // BARS))
    for low in range(0, of + 1, width):
        high = min(low + width - 1, of)
        n = sum(low <= p <= high for p in points)
        label = f"{low}" if low == high else f"{low} to {high}"
        bar = f'<span class="bar" style="width:{24 * n / len(points):.2f}rem"></span>'
        yield f'<tr><td class="n">{label}<td>{bar} {n}</tr>'


def _failed(grades):
    rows: list[tuple] = []
    for task in next(iter(grades.values()))["tasks"]:
        results = [grade["tasks"][task] for grade in grades.values()]
        failed = [result for result in results if not result["points"]]
        skeletons = sum("still a skeleton" in result["reason"] for result in failed)
        held_out = sum(result["reason"].startswith(HELD_OUT) for result in failed)
        rows.append((len(failed), task, skeletons, held_out))
    for row in sorted(rows, key=lambda row: (-row[0], row[1])):
        cells = "".join(f'<td class="n">{n}' for n in (row[0], *row[2:]))
        yield f"<tr><td>{html.escape(row[1])}{cells}</tr>"


def _report(lab, student, grade, hints):
    """Return what the student reads: promises and hints, no input that was held out."""
    lines = [f"# {lab.name}: {grade['points']} of {grade['of']} points", "", f"    {student}", ""]
    if grade["reason"]:
        lines += [f"    {grade['reason']}", ""]
    for task, result in grade["tasks"].items():
        lines += [f"## {task}: {result['points']} of {result['of']} points", ""]
        lines += [f"{counts(result)} inputs.", ""]
        if not result["points"]:
            lines += [*_indented(told(result)), "", f"**Hint.** {hints[task][0]}", ""]
    return "\n".join(lines)


def told(result):
    """Return what a student hears of a failed task: in full if it failed in public."""
    if result["reason"].startswith(f"{HELD_OUT}: "):
        return "It passes in public, and fails on an input of the same kind that was held out."
    return result["reason"]


def _indented(text):
    return [f"    {line}" for line in text.splitlines()]


def _gradescope(grade, hints):
    """Return Gradescope's results.json."""
    tests = []
    for task, result in grade["tasks"].items():
        said = counts(result)
        if not result["points"]:
            said += f"\n{told(result)}\nHint: {hints[task][0]}"
        status = "passed" if result["points"] else "failed"
        points = {"score": result["points"], "max_score": result["of"]}
        tests.append({"name": task, **points, "status": status, "output": said})
    return {"score": grade["points"], "output": grade["reason"], "tests": tests}
