"""JupyterLab as `make jupyter` starts it: a double click opens a chapter, which runs to its end."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from dlpar.doctor import find_chromium
from dlpar.labs.notebook import code_cells

ROOT = Path(__file__).parents[1]
SCRIPT = Path(sys.executable).with_name("dlpar")
START = 120.0  # s that JupyterLab may take to be there

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Start `dlpar book` on a copy of the pages, return the address that it prints, and stop it."""
    folder = tmp_path_factory.mktemp("jupyter")
    shutil.copytree(ROOT / "book", folder / "book")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log, env = folder / "log", {**os.environ, "JUPYTERLAB_WORKSPACES_DIR": str(folder)}
    argv = [SCRIPT, "book", "--", "--no-browser", f"--port={port}", "--ServerApp.port_retries=0"]
    argv.append(f"--ServerApp.root_dir={folder}")
    with log.open("w") as sink, subprocess.Popen(argv, stderr=sink, stdout=sink, env=env) as server:
        try:
            yield printed_address(log, server)
        finally:
            stop(server)


def stop(server):
    """Ask the server to end, which ends its kernels; on a busy machine it may not listen."""
    family = psutil.Process(server.pid).children(recursive=True)
    server.terminate()
    _, alive = psutil.wait_procs([psutil.Process(server.pid), *family], timeout=30)
    for process in alive:
        process.kill()


def printed_address(log, server):
    end = time.monotonic() + START
    while server.poll() is None and time.monotonic() < end:
        if found := re.search(r"http://\S+token=\S+", log.read_text()):
            return found.group()
        time.sleep(0.1)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def tab(address):
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=["--no-sandbox", "--disable-gpu"]
        )
        tab = browser.new_page(viewport={"width": 1360, "height": 900})
        tab.foreign = []
        tab.on("request", lambda request: tab.foreign.append(request.url))
        tab.goto(address)
        tab.wait_for_selector(".jp-NotebookPanel", timeout=120_000)
        yield tab
        browser.close()


def test_it_listens_on_this_machine_only_and_asks_for_a_token(address):
    assert re.match(
        r"http://(127\.0\.0\.1|localhost):\d+/lab/tree/book/intro.md\?token=\w{30}", address
    )


def test_a_double_click_opens_a_page_as_a_notebook(tab):
    tab.locator(".jp-DirListing-item", has_text="intro.md").dblclick()
    tab.wait_for_selector(".jp-Notebook .jp-CodeCell")
    assert tab.locator(".jp-NotebookPanel").count() == 1
    assert tab.locator(".jp-FileEditor, .jp-MarkdownViewer").count() == 0


def test_boxes_and_tables_are_rendered(tab):
    tab.wait_for_selector(".jp-MarkdownCell table")
    assert "{list-table}" not in tab.locator(".jp-Notebook").inner_text()


def test_a_chapter_runs_from_top_to_bottom(tab):
    tab.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=120_000)  # else it asks which
    tab.get_by_role("menuitem", name="Run", exact=True).click()
    tab.get_by_text("Run All Cells", exact=True).click()
    cells = len(code_cells(ROOT / "book" / "intro.md"))
    assert cells >= 3
    ran = tab.locator(".jp-CodeCell .jp-InputPrompt", has_text=re.compile(r"\[\d+\]"))
    ran.nth(cells - 1).wait_for(timeout=120_000)
    assert tab.locator(".jp-OutputArea-output[data-mime-type*=stderr]").count() == 0
    assert tab.locator(".jp-Notebook figure.dlpar-fig svg").first.is_visible()


def test_it_asks_no_server_but_its_own(tab):
    assert [url for url in tab.foreign if re.match(r"(https?|wss?)://(?!127\.0\.0\.1)", url)] == []
