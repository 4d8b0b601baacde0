"""The command `dlpar`: what it does, and what it says when asked for something that cannot be."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dlpar import cli

ROOT = Path(__file__).parents[1]


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def started(monkeypatch):
    """Record what would be started instead of JupyterLab, and where."""
    calls = []
    monkeypatch.setattr(cli.os, "name", "posix")
    monkeypatch.setattr(cli.os, "chdir", calls.append)
    monkeypatch.setattr(cli.os, "execve", lambda path, argv, env: calls.extend([argv, env]))
    return calls


def test_the_console_script_is_installed_and_says_what_it_can_do():
    script = Path(sys.executable).with_name("dlpar")
    done = subprocess.run(
        [script, "--help"], capture_output=True, text=True, timeout=60, check=True
    )
    for command in ("doctor", "book", "lab", "check"):
        assert command in done.stdout


@pytest.mark.parametrize("argv", [[], ["fly"], ["lab"], ["lab", "seven"], ["check"]])
def test_a_request_without_sense_ends_with_usage_and_2(argv, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(argv)
    assert stop.value.code == 2
    assert "usage: dlpar" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["lab", "check"])
def test_an_unknown_lab_ends_with_2_and_is_named(command, elsewhere, capsys):
    assert cli.main([command, "99"]) == 2
    assert "99" in capsys.readouterr().err


def test_a_lab_is_copied_once_with_holes_for_the_solutions(elsewhere, capsys):
    assert cli.main(["lab", "7"]) == 0
    (copy,) = elsewhere.rglob("*.ipynb")
    assert "NotImplementedError" in copy.read_text()
    assert "BEGIN SOLUTION" not in copy.read_text()
    copy.write_text("mine")
    assert cli.main(["lab", "7"]) == 0
    assert copy.read_text() == "mine"


def test_an_empty_copy_passes_no_task(elsewhere, capsys):
    cli.main(["lab", "7"])
    capsys.readouterr()
    assert cli.main(["check", "7", "ring_pass"]) == 1
    assert "0 of 1 tasks passed" in capsys.readouterr().out


def test_the_solution_passes_every_task(elsewhere, capsys):
    lab = ROOT / "labs" / "07-collectives" / "lab.md"
    shutil.copy(lab, elsewhere / "solved.md")
    assert cli.main(["check", "7", "--notebook", "solved.md"]) == 0
    assert "6 of 6 tasks passed" in capsys.readouterr().out


def test_the_book_opens_here_only_with_the_settings_of_the_repository(started):
    cli.main(["book", "--", "--no-browser"])
    cwd, argv, env = started
    assert argv[1:3] == ["-m", "jupyterlab"]
    assert argv[-1] == "--no-browser"
    assert "--LabApp.default_url=/lab/tree/book/intro.md" in argv
    assert cwd == ROOT
    assert env["JUPYTER_CONFIG_DIR"] == str(ROOT / ".jupyter")
    assert env["PATH"].startswith(str(Path(sys.executable).parent))


def test_a_lab_can_be_opened_at_once(elsewhere, started):
    cli.main(["lab", "7", "--open"])
    cwd, argv, _ = started[-3:]
    assert cwd == elsewhere / "my-labs"
    assert "--LabApp.default_url=/lab/tree/07-collectives.ipynb" in argv


@pytest.mark.parametrize("command", ["book", "bench"])
def test_without_a_checkout_the_way_to_one_is_said(command, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(cli, "HOME", tmp_path)
    assert cli.main([command]) == 2
    assert "clone the book" in capsys.readouterr().err


@pytest.mark.parametrize(("bodies", "status"), [(["", ""], 0), (["", "raise SystemExit(3)"], 3)])
def test_bench_runs_every_benchmark_and_tells_the_worst(bodies, status, monkeypatch, tmp_path):
    (tmp_path / "benchmarks").mkdir()
    for k, body in enumerate(bodies):
        script = tmp_path / "benchmarks" / f"b{k}.py"
        script.write_text(f"open('ran{k}', 'w').close()\n{body}\n")
    monkeypatch.setattr(cli, "HOME", tmp_path)
    assert cli.main(["bench"]) == status
    assert len(list(tmp_path.glob("ran*"))) == len(bodies)


@pytest.mark.parametrize("argv", [["lab", "new"], ["lab", "7", "halo"], ["lab", "new", "Halo"]])
def test_a_new_lab_wants_a_name_and_only_that(argv, elsewhere, capsys):
    assert cli.main(argv) == 2
    assert re.search("dlpar lab new NAME|`halo`", capsys.readouterr().err)
