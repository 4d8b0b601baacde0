"""What a stranger relies on: the lock, the environment, the two commands, and a tidy repository."""

import ast
import importlib
import importlib.metadata
import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = (ROOT / "requirements.lock").read_text().splitlines()
PINS = {canonicalize_name(name): version for name, version in (line.split("==") for line in LOCK)}
EXTRAS = PROJECT["optional-dependencies"]
LOCKED = [*PROJECT["dependencies"], *EXTRAS["book"], *EXTRAS["test"]]

ROOMS = runpy.run_path(str(ROOT / "book" / "_ext" / "rooms_picture.py"))
FLOORS = ROOMS["FLOORS"]  # add a new room there: book/_ext/rooms_picture.py


def repository():
    """Return the files in git; in a copy without git, all but what is made."""
    if (ROOT / ".git").exists():
        argv = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
        listed = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True)
        names = listed.stdout.split("\0")[:-1]
    else:
        made = (".venv", "_build", "notebooks", "my-labs", "__pycache__")
        found = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
        names = [str(p) for p in found if not p.parts[0].startswith((".", *made))]
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def modules():
    return sorted((ROOT / "dlpar").rglob("*.py"))


# The lock and the environments made from it


def test_the_lock_is_a_plain_sorted_list_of_names_and_versions():
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!]+", line) for line in LOCK)
    assert sorted(LOCK, key=str.upper) == LOCK
    assert len(PINS) == len(LOCK) > 100


@pytest.mark.parametrize("line", LOCKED)
def test_the_lock_holds_what_the_project_asks_for(line):
    wanted = Requirement(line)
    assert wanted.specifier.contains(PINS[canonicalize_name(wanted.name)])


def test_heavy_peers_are_not_in_the_lock():
    assert not {Requirement(line).name for line in EXTRAS["peers"]} & PINS.keys()


def test_the_environment_is_the_locks():
    assert {name: importlib.metadata.version(name) for name in PINS} == PINS


def test_environment_yml_agrees_with_pyproject():
    made = runpy.run_path(str(ROOT / ".ci" / "conda.py"))["environment_yml"](ROOT)
    assert (ROOT / "environment.yml").read_text() == made, "run: make lock"


def test_without_a_python_that_fits_the_message_says_where_to_get_one(tmp_path):
    for tool in ("bash", "dirname", "cat"):
        (tmp_path / tool).symlink_to(shutil.which(tool))
    done = subprocess.run(
        [tmp_path / "bash", ROOT / ".ci" / "environment", tmp_path / "venv"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "Python 3.11, 3.12 or 3.13" in done.stderr
    assert not (tmp_path / "venv").exists()


# The commands that the texts promise


@pytest.mark.parametrize("text", ["README.md", "CONTRIBUTING.md", "book/intro.md"])
def test_every_make_command_in_the_texts_exists(text):
    targets = set(re.findall(r"^([\w./-]+):", (ROOT / "Makefile").read_text(), re.M))
    told = set(re.findall(r"(?:^ {4}|`)make ([a-z]+)", (ROOT / text).read_text(), re.M))
    assert told
    assert told <= targets


def programs_of_the_readme():
    return re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)


def test_the_kernel_in_the_readme_runs(tmp_path):
    _, code = programs_of_the_readme()
    file = tmp_path / "readme.py"  # a kernel is read from its file
    file.write_text(f"import numpy as np\n{code}")
    names = runpy.run_path(str(file))
    assert (names["y"] == 2).all()


@pytest.mark.mpi
def test_the_program_in_the_readme_runs_on_both_clusters():
    names = {}
    exec(compile(programs_of_the_readme()[0], "README.md", "exec"), names)
    got = names["simulate"](names["program"], ranks=3).results
    assert all((total == 0 + 1 + 2).all() for total in got)


def test_the_picture_in_the_readme_is_what_the_book_draws_today(tmp_path):
    script = runpy.run_path(str(ROOT / "book" / "_ext" / "ring_picture.py"))
    script["draw"](tmp_path / "ring.svg")
    drawn = (tmp_path / "ring.svg").read_text()
    assert drawn == script["PICTURE"].read_text(), "run: .venv/bin/python book/_ext/ring_picture.py"


# What is in the repository, and what is not


def test_nothing_that_is_made_is_in_the_repository():
    names = [str(path.relative_to(ROOT)) for path in repository()]
    assert [n for n in names if n.startswith(("_build/", "notebooks/", ".venv/", "my-labs/"))] == []
    assert [n for n in names if n.endswith((".ipynb", ".pyc", ".zip", ".tar.gz", ".whl"))] == []


def test_no_file_names_a_machine_or_holds_more_than_its_share():
    here = re.compile(r"/(?:root|home|Users|work|tmp/bash)/\w|[A-Z]:\\\\Users|localhost:\d{4}")
    for path in repository():
        assert path.stat().st_size < 300_000, path
        if path.suffix not in {".png", ".gz"}:
            assert here.findall(path.read_text(encoding="utf-8")) == [], path


def test_links_between_files_lead_somewhere():
    for path in repository():
        if path.suffix != ".md":
            continue
        text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.S)
        for target in re.findall(r"\]\(([^)#\s]+)", text):
            if not re.match(r"[a-z]+:", target):
                assert (path.parent / target).exists(), f"{path.name}: {target}"


# The package and its tests


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_public_names_exist_and_say_what_they_do(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    module = importlib.import_module(".".join(parts).removesuffix(".__init__"))
    assert module.__doc__
    for name in getattr(module, "__all__", []):
        value = getattr(module, name)
        if callable(value):
            assert value.__doc__, name


def test_imports_run_downwards_and_only_the_world_knows_mpi():
    for path in modules():
        parts = path.relative_to(ROOT / "dlpar").parts
        room = parts[0].removesuffix(".py")
        if room == "__init__":
            continue
        for name in ROOMS["imported"](path):
            other = name.split(".")
            if other[0] == "mpi4py":
                assert room == "world", f"{path}: `comm` is passed in, mpi4py never imported"
            if other[0] == "dlpar" and len(other) > 1 and other[1] in FLOORS:
                assert FLOORS[other[1]] <= FLOORS[room], f"{path} imports {name} from above"


def test_every_room_has_a_floor_and_none_is_used_by_what_it_uses():
    inside = [path.relative_to(ROOT).parts for path in repository() if path.suffix == ".py"]
    rooms = {parts[1].removesuffix(".py") for parts in inside if parts[0] == "dlpar"}
    assert rooms - {"__init__"} == FLOORS.keys()
    below = ROOMS["uses"]()
    row = ROOMS["levels"](below)
    assert all(row[other] < row[room] for room in below for other in below[room])


def test_the_picture_of_the_rooms_shows_the_imports_of_today(tmp_path):
    ROOMS["draw"](tmp_path / "rooms.svg")
    drawn, kept = (tmp_path / "rooms.svg").read_text(), ROOMS["PICTURE"].read_text()
    assert drawn == kept, "run: .venv/bin/python book/_ext/rooms_picture.py"


def test_every_room_has_tests_and_no_test_module_is_empty():
    counted = {}
    for path in (ROOT / "tests").rglob("test_*.py"):
        tree = ast.parse(path.read_text())
        found = sum(
            isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
            for node in ast.walk(tree)
        )
        assert found, f"{path.name} tests nothing"
        counted[path.stem] = found
    for room in FLOORS:
        assert sum(n for name, n in counted.items() if name.startswith(f"test_{room}")) >= 3, room


def test_files_are_short_enough_to_read():
    for path in modules():
        assert len(path.read_text().splitlines()) <= 400, path


def test_tests_that_disturb_one_another_share_a_worker(request):
    for item in request.session.items:
        if "PYTEST_XDIST_WORKER" in os.environ and item.get_closest_marker("xdist_group"):
            assert "@" in item.nodeid, "pytest-xdist lost the groups: tests of MPI run side by side"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no make")
def test_a_foreign_environment_in_the_callers_shell_changes_nothing(tmp_path):
    env = {**os.environ, "VIRTUAL_ENV": "/nowhere", "PYTHONPATH": "/nowhere", "PIP_USER": "1"}
    shown = "env | grep -E '^(VIRTUAL_ENV|PYTHONPATH|PIP_USER|PATH)='"
    (tmp_path / "Makefile").write_text(f"include {ROOT / 'Makefile'}\nshow:\n\t@{shown}\n")
    done = subprocess.run(
        ["make", "-s", "-f", tmp_path / "Makefile", "show"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found = dict(line.split("=", 1) for line in done.stdout.splitlines())
    assert found["VIRTUAL_ENV"] == str(ROOT / ".venv")
    assert found["PATH"].startswith(str(ROOT / ".venv" / "bin"))
    assert "PYTHONPATH" not in found
    assert "PIP_USER" not in found
