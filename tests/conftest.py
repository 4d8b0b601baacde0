"""What all tests share: repeatable examples, skips that explain themselves, no process left."""

import functools
import importlib.util
import os
from pathlib import Path

import psutil
import pytest
from hypothesis import settings

from dlpar.doctor import find_chromium
from dlpar.labs.sandbox import Sandbox, SandboxError
from dlpar.world.real import engines

ROOT = Path(__file__).parents[1]
SITE = ROOT / "_build" / "html"
NO_SKIP = os.environ.get("DLPAR_NO_SKIP") == "1"  # set by CI, where everything is installed
SESSION = "DLPAR_TEST_SESSION"  # inherited by whatever the tests start, orphans included

os.environ.setdefault(SESSION, str(os.getpid()))

settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile("repeatable")  # another one: pytest --hypothesis-profile=explore


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("mpi"):
            item.add_marker(pytest.mark.xdist_group("mpi"))
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.xdist_group("browser"))


def pytest_runtest_setup(item):
    for marker in item.iter_markers("peer"):
        (package,) = marker.args
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is missing: .venv/bin/pip install -e '.[peers]'")
    if item.get_closest_marker("ptx") and not os.environ.get("DLPAR_PTX_PYTHON"):
        pytest.skip("DLPAR_PTX_PYTHON names no interpreter with numba-cuda: see dlpar/gpu/ptx.py")
    if item.get_closest_marker("sandbox") and (missing := no_sandbox()):
        pytest.skip(missing)
    if item.get_closest_marker("browser"):
        if find_chromium() is None:
            pytest.skip("Chromium is missing: `dlpar doctor` says how to get it")
        if not (SITE / "index.html").exists():
            pytest.skip("the site is not built: make book")


@functools.cache
def no_sandbox():
    """Return why there is no sandbox on this machine, or None if there is one."""
    try:
        Sandbox().close()
    except SandboxError as error:
        return str(error)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    return _no_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    return _no_skip((yield))


def _no_skip(report):
    if NO_SKIP and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be skipped: {report.longrepr}"
    return report


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    """Fail the session if a process that its tests started is still there."""
    engines.stop()  # those that `run` keeps for the next call
    if hasattr(session.config, "workerinput"):
        return  # a worker of xdist: the process that started it looks after all of them
    left = _left_behind()
    for process in left:
        process.kill()
    if left:
        session.config.get_terminal_writer().line(f"processes left behind: {left}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _left_behind():
    """Return the processes of this test session, but for ours, that outlive a short grace."""
    _, alive = psutil.wait_procs([p for p in psutil.process_iter() if _is_ours(p)], timeout=10)
    return alive


def _is_ours(process):
    try:
        mine = process.environ().get(SESSION) == os.environ[SESSION]
    except psutil.Error:  # gone, or somebody else's
        return False
    return mine and process.pid not in {os.getpid(), *(p.pid for p in psutil.Process().parents())}
