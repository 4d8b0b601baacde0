"""Grade 200 submissions, 40 of them hostile; and again, killed half-way.

The hostile ones may cost at most what their own limits allow: with J jobs, the whole takes less
than 1.5 times what the honest ones alone take, plus the hostile ones' wall limits divided by J.

Run with: python benchmarks/grade_200.py [how many]
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dlpar.labs.folders import lab_folder
from dlpar.labs.notebook import code_cells, cut_solutions, text_cells
from dlpar.labs.sandbox.standin import WAIT

ROOT = Path(__file__).parents[1]
LAB, HOSTILE = lab_folder(7), sorted((ROOT / "tests" / "hostile").glob("*.md"))
SHARE, FACTOR, PATIENCE = 5, 1.5, 1800  # one in SHARE is hostile; s


def main(count=200):
    """Print the times, the bound, and whether the grades are the same after a kill."""
    jobs = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        hostile = write_submissions(folder, count)
        honest = timed(folder / "honest", folder / "honest.csv", jobs)
        everyone = timed(folder / "all", folder / "all.csv", jobs)
        # Each hostile one attacks in one task: its limit is one wait for an answer.
        limit = FACTOR * honest + hostile * WAIT / jobs
        print(f"{count - hostile} honest submissions: {honest:.1f} s with {jobs} jobs")
        print(f"{count} with {hostile} hostile ones: {everyone:.1f} s, bound {limit:.1f} s")
        same = killed(folder / "all", folder / "again.csv", jobs, everyone / 2)
        same = same and grades(folder / "all.csv") == grades(folder / "again.csv")
        print(
            f"killed half-way and started again: the grades are {'the same' if same else 'OTHERS'}"
        )
        points = [g["points"] for s, g in grades(folder / "all.csv").items() if s.startswith("bad")]
    if everyone > limit or not same or any(points):
        raise SystemExit("a bound does not hold")


def write_submissions(folder, count):
    """Write the submissions: right, wrong, half done and hostile; return how many are hostile."""
    rng = random.Random(7)
    right = code_cells(LAB / "lab.md")
    holes = text_cells(cut_solutions((LAB / "lab.md").read_text(encoding="utf-8")))
    wrong = [path.read_text(encoding="utf-8") for path in sorted((LAB / "wrong").glob("*/*.py"))]
    for i in range(count):
        if i % SHARE == 0:
            source = HOSTILE[(i // SHARE) % len(HOSTILE)]
            put(folder / "all" / f"bad-{i:03d}.ipynb", text_cells(source.read_text()))
            continue
        # The last of `right` is the page's own, and not in a copy.
        cells = [rng.choice([a, a, b]) for a, b in zip(right, holes, strict=False)]
        cells += [rng.choice(wrong)] * (rng.random() < 0.4)
        put(folder / "all" / f"good-{i:03d}.ipynb", cells)
        put(folder / "honest" / f"good-{i:03d}.ipynb", cells)
    return len(range(0, count, SHARE))


def put(path, sources):
    path.parent.mkdir(exist_ok=True)
    cells = [{"cell_type": "code", "source": source, "metadata": {}} for source in sources]
    path.write_text(json.dumps({"cells": cells, "nbformat": 4, "nbformat_minor": 5}))


def start(folder, out, jobs):
    words = ["grade", "7", folder, "--out", out, "--json", out.with_suffix(".json"), "--seed", 7]
    code = "import sys; from dlpar.cli import main; sys.exit(main())"
    argv = [sys.executable, "-c", code, *map(str, words), "--jobs", str(jobs)]
    return subprocess.Popen(argv, stderr=subprocess.DEVNULL)


def timed(folder, out, jobs):
    """Return s of wall time for one run."""
    began = time.perf_counter()
    if start(folder, out, jobs).wait(PATIENCE) != 0:
        raise RuntimeError("grading failed")
    return time.perf_counter() - began


def killed(folder, out, jobs, after):
    """Kill a run `after` s, start it again; tell whether it had graded some, and not all."""
    process = start(folder, out, jobs)
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = len(list(out.with_suffix(".state").glob("[!.]*.json")))
    total = len(list(folder.iterdir()))
    timed(folder, out, jobs)
    print(f"killed after {after:.0f} s with {done} of {total} graded")
    return 0 < done < total


def grades(out):
    return json.loads(out.with_suffix(".json").read_text())["students"]


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
