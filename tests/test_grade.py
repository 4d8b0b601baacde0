"""`dlpar grade`: a folder of submissions in, fair and safe grades out."""

import csv
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from dlpar import cli
from dlpar.labs import folders, gradebook, reports, submissions
from dlpar.labs.notebook import code_cells, cut_solutions
from dlpar.labs.sandbox import Sandbox, SandboxError, bubblewrap, standin

LAB = folders.lab_folder(7)
HOSTILE = sorted(Path(__file__).parent.glob("hostile/*.md"))
REFERENCE = (LAB / "lab.md").read_text(encoding="utf-8")
SKELETON = cut_solutions(REFERENCE)
CANARY = "the-answer-is-27182818"
POINTS = {name: task.points for name, task in folders.tasks_of(7).items()}
TASKS, FULL = list(POINTS), sum(POINTS.values())

in_sandbox = pytest.mark.sandbox


@pytest.fixture
def desk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    return tmp_path


def grade(*more, lab="7"):
    """Grade the folder `in`; return {student: grade} of the JSON."""
    argv = ["grade", lab, "in", "--out", "out/grades.csv", "--json", "out/grades.json", *more]
    assert cli.main(argv) == 0
    return json.loads(Path("out/grades.json").read_text())["students"]


def rows():
    with open("out/grades.csv", newline="", encoding="utf-8") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def hand_in(name, text):
    path = Path("in", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def notebook(*sources, **more):
    cells = [{"cell_type": "code", "source": source, "metadata": {}} for source in sources]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5} | more)


REFERENCE_CELLS = code_cells(LAB / "lab.md")


# The honest


@in_sandbox
def test_full_marks_for_the_reference_none_for_the_skeleton_and_a_share_for_a_part(desk):
    hand_in("ada.md", REFERENCE)
    hand_in("bob/07-collectives.ipynb", notebook(*REFERENCE_CELLS))
    hand_in("bob/scratch.ipynb", notebook("1 / 0"))
    hand_in("cyd.md", SKELETON)
    wrong = (LAB / "wrong" / "ring_pass" / "turns_left.py").read_text()
    hand_in("dan.ipynb", notebook(*REFERENCE_CELLS, wrong))
    grades = grade()
    assert {student: g["points"] for student, g in grades.items()} == dict(
        ada=FULL, bob=FULL, cyd=0, dan=FULL - 2
    )
    assert grades["ada"]["tasks"]["ring_pass"] == {
        "points": 2, "of": 2, "public": [10, 10], "held-out": [5, 5], "reason": ""
    }  # fmt: skip
    table = rows()
    assert table["ada"]["ring_pass inputs"] == "10/10 public + 5/5 held-out"
    assert table["cyd"]["reason"].count("still a skeleton") == len(TASKS)
    assert table["dan"]["reason"].startswith("ring_pass: p=3, n=6: rank 0 sent to rank 2")
    assert [table["dan"][task] for task in TASKS] == ["0", *map(str, list(POINTS.values())[1:])]


@in_sandbox
def test_what_passes_in_public_only_gets_no_points_and_no_held_out_input(desk):
    sizes = r"(len(x), comm.size) in [(3, 1), (4, 2), (6, 3), (7, 3), (2, 3), (0, 3), (3, 4)]"
    sizes += " or comm.size > 4 or x.dtype.kind == 'i'"
    source = REFERENCE_CELLS[1].replace("def ring_pass(", "def right(")
    learnt = f"def ring_pass(x, comm):\n    return right(x, comm) if {sizes} else x\n"
    hand_in("eve.ipynb", notebook(*REFERENCE_CELLS, source, learnt))
    result = grade()["eve"]["tasks"]["ring_pass"]
    assert result["points"] == 0
    assert result["public"] == [10, 10]
    assert result["held-out"][0] < 5
    assert result["reason"].startswith("held-out: p=")
    report = Path("out/grades.reports/eve.md").read_text()
    assert "10/10 public" in report
    assert "held out" in report
    assert result["reason"].removeprefix("held-out: ").split(":")[0] not in report


@in_sandbox
def test_the_same_submission_gets_the_same_grade_and_the_seed_is_written_down(desk):
    hand_in("ada.md", REFERENCE)
    hand_in("dan.md", SKELETON)
    grade("--jobs", "2")
    first = {
        path.name: path.read_bytes() for path in Path("out").glob("grades.*") if path.is_file()
    }
    seed = int(Path("out/grades.state/seed").read_text())
    for path in Path("out/grades.state").glob("*.json"):
        path.unlink()
    grade("--jobs", "1")
    again = {
        path.name: path.read_bytes() for path in Path("out").glob("grades.*") if path.is_file()
    }
    assert first == again
    head = json.loads(Path("out/grades.json").read_text())
    assert head["seed"] == seed
    grade("--seed", "5")
    assert json.loads(Path("out/grades.json").read_text())["seed"] == 5
    shutil.rmtree("out/grades.state")
    grade()
    assert int(Path("out/grades.state/seed").read_text()) != seed  # nobody could know it before


@in_sandbox
def test_reports_name_promises_and_hints_and_no_line_of_a_check(desk):
    hand_in("cyd.md", SKELETON)
    wrong = (LAB / "wrong" / "ring_pass" / "turns_left.py").read_text()
    hand_in("dan.ipynb", notebook(*REFERENCE_CELLS, wrong))
    grade("--gradescope", "out/gradescope")
    checks = (LAB / "checks.py").read_text()
    lines = {line.strip() for line in checks.splitlines() if " " in line.strip()}
    told = [path.read_text() for path in Path("out").rglob("*") if path.is_file()]
    assert not [line for line in lines if any(line in text for text in told)]
    report = Path("out/grades.reports/dan.md").read_text()
    assert f"# 07-collectives: {FULL - 2} of {FULL} points" in report
    assert "p=3, n=6: rank 0 sent to rank 2" in report
    assert f"**Hint.** {folders.hints_of(7)['ring_pass'][0]}" in report
    results, points = (
        json.loads(Path("out/gradescope/dan/results.json").read_text()),
        [*POINTS.values()],
    )
    assert results["score"] == FULL - 2
    assert [test["score"] for test in results["tests"]] == [0, *points[1:]]
    assert [test["max_score"] for test in results["tests"]] == points
    page = Path("out/grades.html").read_text()
    assert f"2 submissions, {FULL} points" in page
    order = re.findall(r"<tr><td>(\w+)<td class", page)
    assert order[0] == "ring_pass"
    assert sorted(order) == sorted(TASKS)


# Resuming


@in_sandbox
def test_a_second_run_grades_what_is_new_and_only_that(desk, monkeypatch):
    hand_in("ada.md", REFERENCE)
    hand_in("bob.md", SKELETON)
    grade()
    graded = []
    work = gradebook._graded
    monkeypatch.setattr(
        gradebook,
        "_graded",
        lambda lab, todo, jobs: (graded.extend(e.submission.student for e in todo),
                                 work(lab, todo, jobs))[1],
    )  # fmt: skip
    assert grade()["ada"]["points"] == FULL
    assert graded == []
    hand_in("bob.md", REFERENCE)
    hand_in("cyd.md", SKELETON)
    assert grade()["bob"]["points"] == FULL
    assert graded == ["bob", "cyd"]
    graded.clear()
    grade("--seed", "5")
    assert graded == ["ada", "bob", "cyd"]


@in_sandbox
def test_killed_half_way_it_goes_on_and_nothing_of_it_is_left_running(desk, monkeypatch):
    monkeypatch.setenv(MARK, str(desk))
    hangs = "".join(f"def {task}(x, comm):\n    while True:\n        pass\n" for task in TASKS)
    for i in range(3):
        hand_in(f"{i}.md", REFERENCE if i % 2 else SKELETON)
        hand_in(f"hangs{i}.ipynb", notebook(hangs))
    code = "import sys; from dlpar.cli import main; sys.exit(main())"
    argv = [sys.executable, "-c", code, "grade", "7", "in", "--out", "out/grades.csv"]
    process = subprocess.Popen([*argv, "--jobs", "2"])
    state = Path("out/grades.state")
    deadline = time.monotonic() + 60
    while len(list(state.glob("[!.]*.json"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert nothing_is_left(within=4.0)  # less than what hangs would take by itself
    assert not Path("out/grades.csv").exists()
    kept = {path.name: path.stat().st_mtime_ns for path in state.glob("[!.]*.json")}
    assert 3 <= len(kept) < 6  # the quick ones, so what is left needs no time to be right
    monkeypatch.setattr(standin, "WAIT", 0.3)
    points = {student: g["points"] for student, g in grade().items()}
    assert points == {"0": 0, "1": FULL, "2": 0, "hangs0": 0, "hangs1": 0, "hangs2": 0}
    assert all((state / name).stat().st_mtime_ns == when for name, when in kept.items())
    assert nothing_is_left(within=4.0)


MARK = "DLPAR_GRADE_TEST"  # in the environment of all that one test starts, but for the sandbox


def nothing_is_left(within):
    """Tell whether, `within` s, no worker and no sandbox of this test is there."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if not [p for p in psutil.process_iter() if p.pid != os.getpid() and is_marked(p)]:
            return True
        time.sleep(0.05)
    return False


def is_marked(process):
    try:
        return process.environ().get(MARK) == os.environ[MARK]
    except psutil.Error:
        return False


@in_sandbox
def test_a_worker_that_dies_costs_its_own_submission_only(desk, monkeypatch):
    hand_in("ada.md", REFERENCE)
    hand_in("bob.md", "die")
    honest = gradebook.grade

    def dies(lab, path, content):
        if content == b"die":
            os.kill(os.getpid(), signal.SIGKILL)
        return honest(lab, path, content)

    monkeypatch.setattr(gradebook, "grade", dies)
    grades = grade()
    assert grades["ada"]["points"] == FULL
    assert grades["bob"]["points"] == 0
    assert "the grader gave up (status -9)" in grades["bob"]["reason"]


@in_sandbox
def test_a_submission_whose_sandbox_goes_away_costs_its_own_grade_only(desk, monkeypatch):
    hand_in("ada.md", REFERENCE)
    hand_in("bob.md", "die")
    hand_in("cyd.md", "die once")
    honest, died = gradebook.grade, desk / "died"

    def dies(lab, path, content):
        if content == b"die" or (content == b"die once" and not died.exists()):
            died.touch()
            raise SandboxError("gone")
        return honest(lab, path, REFERENCE.encode())

    monkeypatch.setattr(gradebook, "grade", dies)
    grades = grade("--jobs", "1")
    assert {student: g["points"] for student, g in grades.items()} == dict(
        ada=FULL, bob=0, cyd=FULL
    )
    assert "the grader gave up (status 4)" in grades["bob"]["reason"]
    monkeypatch.setattr(gradebook, "grade", honest)
    assert "no code" not in grade()["bob"]["reason"]  # another run tries it again
    assert "gave up" not in Path("out/grades.csv").read_text()


@in_sandbox
def test_words_that_no_file_takes_cost_nobody_the_reports(desk):
    hand_in("ada.md", Path(folders.lab_folder(6) / "lab.md").read_text())
    for name, words in (("bob", r"\ud800"), ("cyd", r"\x1b[2J\u202e\u2028=1")):
        hand_in(f"{name}.ipynb", notebook(f"def farm(n, comm, solve):\n    solve('{words}')\n"))
    grades = grade("--gradescope", "out/gradescope", lab="6")
    assert grades["ada"]["points"] == sum(task.points for task in folders.tasks_of(6).values())
    assert r"solve(\ud800) was called" in grades["bob"]["tasks"]["farm"]["reason"]
    assert r"solve(\x1b[2J\u202e" in grades["cyd"]["tasks"]["farm"]["reason"]
    told = [path.read_text() for path in Path("out").rglob("*") if path.is_file()]
    assert all(c.isprintable() or c == "\n" for text in told for c in text)


@in_sandbox
def test_a_worker_that_hangs_is_given_up(desk, monkeypatch):
    hand_in("bob.md", SKELETON)
    monkeypatch.setattr(gradebook, "grade", lambda *_: time.sleep(1000))
    tasks = gradebook.PARTS * sum(task.seconds for task in folders.tasks_of(7).values())
    monkeypatch.setattr(gradebook, "GRACE", 0.5 - tasks)  # half a second in all
    assert "gave up (status -9)" in grade()["bob"]["reason"]


# Failing closed


def test_without_a_sandbox_there_is_no_grade_and_the_remedy_is_said(desk, monkeypatch, capsys):
    hand_in("ada.md", REFERENCE)
    monkeypatch.setattr(bubblewrap.shutil, "which", lambda name: None)
    assert cli.main(["grade", "7", "in", "--out", "out/grades.csv"]) == 3
    assert "apt-get install bubblewrap" in capsys.readouterr().err
    assert not Path("out").exists()


@in_sandbox
def test_a_sandbox_that_goes_away_ends_the_run_without_grades(desk, monkeypatch, capsys):
    hand_in("ada.md", REFERENCE)

    def gone(*_):
        raise SandboxError("gone")

    real, started = gradebook.Sandbox, []

    def only_once():
        started.append(real() if not started else gone())
        return started[-1]

    monkeypatch.setattr(gradebook, "Sandbox", only_once)
    monkeypatch.setattr(gradebook, "grade", gone)
    assert cli.main(["grade", "7", "in", "--out", "out/grades.csv"]) == 3
    assert "gone. It needs Linux" in capsys.readouterr().err
    assert not Path("out/grades.csv").exists()
    assert not list(Path("out/grades.state").glob("*.json"))  # a seed, and no grade


@in_sandbox
@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["grade", "99", "in", "--out", "g.csv"], "no lab 99"),
        (["grade", "nowhere", "in", "--out", "g.csv"], "nowhere is no lab"),
        (["grade", "7", "nowhere", "--out", "g.csv"], "no folder nowhere"),
        (["grade", "7", "in", "--out", "g.csv"], "no submission in in"),
        (["grade", "7", "in", "--out", "g.csv", "--jobs", "0"], "jobs must be"),
    ],
)
def test_what_cannot_be_graded_is_said_with_status_2(desk, capsys, argv, said):
    assert cli.main(argv) == 2
    assert said in capsys.readouterr().err


@in_sandbox
def test_a_lab_whose_own_solutions_fail_grades_nobody(desk, capsys):
    new = desk / "broken"
    new.mkdir()
    for name in ("checks.py", "hints.md"):
        (new / name).write_text((LAB / name).read_text())
    (new / "lab.md").write_text(REFERENCE.replace("return rows", "return rows + 1"))
    hand_in("ada.md", REFERENCE)
    assert cli.main(["grade", str(new), "in", "--out", "g.csv"]) == 2
    assert "own ring_pass fails" in capsys.readouterr().err
    assert not Path("g.csv").exists()


# The hostile


@pytest.fixture
def listeners():
    """Listen for whatever a submission might send; yield a function that tells what came."""
    streams = [socket.create_server(("127.0.0.1", 50007)), socket.socket(socket.AF_UNIX)]
    streams[1].bind("\0dlpar-hostile")
    streams[1].listen()
    packets = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    packets.bind(("127.0.0.1", 50007))

    def came():
        heard = []
        for listener in (*streams, packets):
            listener.setblocking(False)
            try:
                heard.append(listener.accept() if listener in streams else listener.recv(99))
            except BlockingIOError:
                continue
        return heard

    yield came
    for listener in (*streams, packets):
        listener.close()


@in_sandbox
def test_no_hostile_submission_reads_sends_scores_or_harms_the_others(desk, listeners, monkeypatch):
    monkeypatch.setattr(standin, "WAIT", 2.0)
    monkeypatch.setenv("DLPAR_SECRET", CANARY)
    monkeypatch.setenv(MARK, str(desk))
    assert len(HOSTILE) >= 65
    Path("in/canary.txt").write_text(CANARY)
    for path in HOSTILE:
        hand_in(path.name, path.read_text().replace("CANARY", str(desk / "in/canary.txt")))
    for name in ("aa_honest", "mm_honest", "zz_honest"):
        hand_in(f"{name}.md", REFERENCE)
    before = {path: path.read_bytes() for path in LAB.rglob("*.*")}
    grades = grade("--jobs", "2", "--gradescope", "out/gradescope")
    assert {g for g in grades if grades[g]["points"] == FULL} == {
        "aa_honest", "mm_honest", "zz_honest"
    }  # fmt: skip
    for path in HOSTILE:
        assert grades[path.stem]["points"] == 0
        assert grades[path.stem]["tasks"]["ring_pass"]["reason"], path.stem
    told = "".join(path.read_text() for path in Path("out").rglob("*") if path.is_file())
    assert "BREACH" not in re.sub(r"\(line \d+ of its cell[^)\n]*.*", "", told)
    assert CANARY not in told
    assert str(bubblewrap.PACKAGE) not in told
    assert "\x1b" not in told
    assert "<script>" not in Path("out/grades.html").read_text()
    assert listeners() == []
    assert nothing_is_left(within=4.0)
    assert {path: path.read_bytes() for path in LAB.rglob("*.*")} == before


@in_sandbox
def test_files_that_are_no_notebooks_cost_their_own_score_only(desk):
    hand_in("zoe.md", REFERENCE)
    hand_in("=1+1.md", SKELETON)
    hand_in("-rf.ipynb", notebook("x = 1"))
    hand_in("new\nline.md", SKELETON)
    hand_in("x...ipynb/..ipynb", notebook(*REFERENCE_CELLS))
    hand_in("no_json.ipynb", "{")
    hand_in("empty.ipynb", "")
    hand_in("list.ipynb", "[1, 2]")
    hand_in("nested.ipynb", "[" * 100_000)
    hand_in("numbers.ipynb", json.dumps({"cells": [{"cell_type": "code", "source": 7}]}))
    old = [{"cell_type": "code", "input": cell, "language": "python"} for cell in REFERENCE_CELLS]
    hand_in("old.ipynb", json.dumps({"nbformat": 3, "worksheets": [{"cells": old}]}))
    hand_in("many.ipynb", notebook(*REFERENCE_CELLS, *["z = 1"] * 10_000))
    hand_in("long.ipynb", notebook(*REFERENCE_CELLS, "z = 1\n" * 50_000))
    hand_in("fences.md", "```{code-cell}\n" * 100_000)
    hand_in("two/a.ipynb", notebook("a = 1"))
    hand_in("two/b.ipynb", notebook("a = 1"))
    hand_in("none/readme.txt", "")
    Path("in/bytes.ipynb").write_bytes(b"\xff\xfe\x00")
    Path("in/nulls.md").write_bytes(b"```{code-cell}\n\0\n```\n")
    with open("in/huge.ipynb", "wb") as file:
        file.truncate(2**32)
    os.mkfifo("in/pipe.ipynb")
    Path("secret.md").write_text(REFERENCE)
    Path("in/link.md").symlink_to(desk / "secret.md")
    Path("in/linked").symlink_to(LAB)
    Path("in/inside").mkdir()
    Path("in/inside/07-collectives.md").symlink_to(LAB / "lab.md")
    Path("in/deep").mkdir()
    Path("in/deep/more").symlink_to(LAB)
    os.makedirs(b"in/\xff\xfe")
    grades = grade("--jobs", "2")
    full = {student for student, g in grades.items() if g["points"] == FULL}
    assert full == {"zoe", "x...ipynb", "old"}
    assert all(g["points"] == 0 for student, g in grades.items() if student not in full)
    said = {
        "many": "code cells; the limit is 1,000", "long": "characters of code; the limit",
        "no_json": "not JSON", "empty": "empty", "list": "no Jupyter notebook", "nested": "it is",
        "numbers": "no Jupyter notebook", "two": "there are 2 notebooks", "bytes": "UTF-8",
        "none": "there is no notebook", "huge": "larger than 16 MiB", "pipe": "it is no file",
        "link": "symbolic link", "linked": "symbolic link", "inside": "symbolic links",
        "deep": "there is no notebook", "\\xff\\xfe": "there is no notebook",
        "new\\nline": "", "=1+1": "", "-rf": "", "fences": "", "nulls": "",
    }  # fmt: skip
    assert set(grades) == full | set(said)
    for student, words in said.items():
        assert words in grades[student]["reason"], student
    names = [path.name for path in Path("out/grades.reports").iterdir()]
    assert len(names) == len(grades)
    assert all(re.fullmatch(r"[\w-]+\.md", name) for name in names)
    assert f"\n'=1+1,0,{FULL}," in Path("out/grades.csv").read_text()
    assert f"\n'-rf,0,{FULL}," in Path("out/grades.csv").read_text()
    assert not list(desk.glob("*.ipynb"))


def test_students_whose_names_look_alike_keep_their_own_files():
    names = ["a b", "a_b", "a/b", "../a", "é", "è", "", "A" * 99, "A" * 98]
    files = [reports.file_name(name) for name in names]
    assert len(set(files)) == len(names)
    assert all(re.fullmatch(r"[\w-]{1,70}", file) for file in files)


def test_a_file_is_replaced_whole_or_stays_as_it_was(desk, monkeypatch):
    path = desk / "deep" / "grades.csv"
    reports.replace(path, "old")
    monkeypatch.setattr(reports.os, "replace", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        reports.replace(path, "new")
    assert path.read_text() == "old"


def test_students_whose_names_look_alike_all_get_a_grade(desk):
    for name in (b"in/a\xff", b"in/a\\xff", b"in/a\\xff.ipynb", b"in/a\\xff.md"):
        os.makedirs(name) if b"." not in name else Path(os.fsdecode(name)).write_text("")
    found = [each.student for each in submissions.find("in", LAB.name)]
    assert len(set(found)) == len(found) == 4


def test_a_file_and_a_folder_of_one_name_are_two_students(desk):
    hand_in("ada.md", SKELETON)
    hand_in("ada/07-collectives.ipynb", notebook("x = 1"))
    found = submissions.find("in", LAB.name)
    assert [each.student for each in found] == ["ada", "ada.md"]


@in_sandbox
def test_the_sandbox_starts_as_fast_as_its_imports_or_nearly():
    def start():
        Sandbox().close()

    def imports():
        code = "import dlpar.labs, dlpar.world"
        subprocess.run([sys.executable, "-c", code], check=True)

    def seconds(work):
        began = time.perf_counter()
        work()
        return time.perf_counter() - began

    both = [(seconds(start), seconds(imports)) for _ in range(5)]  # in turns: the same load
    assert min(s for s, _ in both) < 3 * min(i for _, i in both)
