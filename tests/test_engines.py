import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import psutil
import pytest

from dlpar import run
from dlpar.world.real import board, engines
from dlpar.world.real.reaper import MARK, family, kill_family

pytestmark = [pytest.mark.mpi, pytest.mark.xdist_group("mpi")]

LIMIT = 15  # s for processes of a killed owner to end; unloaded it takes about half a second
HELLO = """
    import json, os, sys, time
    import numpy as np
    from dlpar import run
    from dlpar.world.real import engines

    def wait(comm):
        comm.Recv(np.empty(1), source=0, tag=9)

    def hello():
        run(lambda comm: comm.rank, ranks=2)
        cluster = engines._cluster
        print(json.dumps([cluster.mark, str(cluster.folder), str(cluster.shared)]), flush=True)
"""


def script(body):
    """Start a Python process that runs HELLO and `body`."""
    code = textwrap.dedent(HELLO) + textwrap.dedent(body)
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def traces(line):
    """Wait for the cluster that `line` names to vanish; return what is left of it."""
    mark, *folders = json.loads(line)
    deadline = time.monotonic() + LIMIT
    while left := [*family(mark), *filter(os.path.exists, folders)]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
    return left


@pytest.mark.parametrize(
    "last_words", ["hello()", "hello(); os._exit(3)", "hello(); os.kill(os.getpid(), 15)"]
)
def test_nothing_is_left_however_the_owner_ends(last_words):
    with script(last_words) as process:
        line = process.stdout.readline()
        process.wait(LIMIT)
    assert traces(line) == []


@pytest.mark.parametrize("during", ["run(wait, ranks=2)", "time.sleep(60)"])
def test_nothing_is_left_of_an_owner_that_is_killed(during):
    with script(f"hello(); {during}") as process:
        line = process.stdout.readline()
        assert len(family(json.loads(line)[0])) > 8  # keeper, controller, mpiexec, guards, engines
        process.kill()
        assert traces(line) == []


def test_nothing_is_left_of_an_owner_that_is_killed_while_the_engines_start():
    starting = """
        import subprocess
        class Popen(subprocess.Popen):
            def __init__(self, args, env, **more):
                super().__init__(args, env=env, **more)
                folders = [env["DLPAR_FOLDER"], env["OMPI_MCA_btl_sm_backing_directory"]]
                print(json.dumps([env["DLPAR_CLUSTER"], *folders]), flush=True)
        engines.subprocess.Popen = Popen
        hello()
    """
    for pause in (0.0, 1.0):
        with script(starting) as process:
            line = process.stdout.readline()
            time.sleep(pause)  # to kill it at different stages; none of them is waited for
            process.kill()
            assert traces(line) == []


def test_nothing_is_left_of_a_killed_notebook_kernel_and_the_next_one_works():
    from jupyter_client.manager import KernelManager

    for how in ("kill", "shutdown"):
        kernel = KernelManager(kernel_name="python3")
        kernel.start_kernel()
        client = kernel.blocking_client()
        client.start_channels()
        client.wait_for_ready(timeout=60)
        said = []
        cell = textwrap.dedent(HELLO) + "\nhello()"
        reply = client.execute_interactive(cell, timeout=60, output_hook=said.append)
        assert reply["content"]["status"] == "ok", said
        texts = [m["content"]["text"] for m in said if m["msg_type"] == "stream"]
        assert len(texts) == 1, "the engines' start is quiet"
        kernel.shutdown_kernel(now=how == "kill")
        client.stop_channels()
        assert traces(texts[0]) == []


def test_an_interrupted_cell_leaves_nothing_and_the_next_one_works(tmp_path):
    from jupyter_client.manager import KernelManager

    kernel = KernelManager(kernel_name="python3")
    kernel.start_kernel()
    client = kernel.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    said, begun = [], tmp_path / "begun"

    def interrupt_when_begun():  # an interrupt between two calls would find an idle cluster
        deadline = time.monotonic() + 30
        while not begun.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(kernel.provisioner.pid, signal.SIGINT)

    thread = threading.Thread(target=interrupt_when_begun)
    thread.start()
    cell = textwrap.dedent(HELLO) + textwrap.dedent(f"""
        def begin_and_wait(comm):
            open({str(begun)!r}, "w").close()
            wait(comm)

        hello()
        run(begin_and_wait, ranks=2)
    """)
    reply = client.execute_interactive(cell, timeout=60, output_hook=said.append)
    thread.join()
    assert reply["content"]["ename"] == "KeyboardInterrupt"
    (line,) = [m["content"]["text"] for m in said if m["msg_type"] == "stream"]
    assert traces(line) == []
    again = client.execute_interactive("run(lambda comm: 1, ranks=2)", timeout=60, output_hook=len)
    assert again["content"]["status"] == "ok"
    kernel.shutdown_kernel()
    client.stop_channels()


def cluster_call(cluster):
    """Call on a cluster that has lost a process, before `run` can notice and replace it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster, "usable", lambda: True)
        run(lambda comm: time.sleep(60), ranks=2, timeout=10)


@pytest.mark.parametrize("part", ["keeper", "controller", "mpiexec", "guard"])
def test_any_process_of_ours_may_be_killed_and_the_next_call_works(part):
    run(lambda comm: None, ranks=2)
    cluster = engines._cluster
    ours = {p.pid: p for p in family(cluster.mark)}
    engine = ours[cluster.slots[0][board.PID]]
    controller = next(p for p in ours.values() if p.cmdline()[2] == "ipyparallel.controller")
    while "ipyparallel.controller" in controller.parent().cmdline():
        controller = controller.parent()
    victim = {
        "keeper": cluster.keeper,
        "controller": controller,
        "guard": engine.parent(),
        "mpiexec": engine.parent().parent(),
    }[part]
    victim.kill()
    with pytest.raises(RuntimeError, match=r"ended from outside|exited|was killed"):
        cluster_call(cluster)
    assert family(cluster.mark) == []
    assert run(lambda comm: comm.rank, ranks=2).results == [0, 1]


def test_of_several_engines_that_ended_the_first_is_blamed():
    cluster = object.__new__(engines.Cluster)  # only its slots matter here
    cluster.slots = [[os.getpid()] + [0] * (board.WORDS - 1) for _ in range(4)]
    for rank, status, when in ((1, -15, 7000), (2, 3, 5000), (3, -9, 6000)):
        cluster.slots[rank][board.ENDED] = board.ended_word(status)
        cluster.slots[rank][board.ENDED_AT] = when
    assert cluster.loss() == "rank 2 exited with code 3"


def test_a_forked_child_leaves_its_parents_engines_alone():
    body = """
        hello()
        pids = run(lambda comm: os.getpid(), ranks=2).results
        if os.fork() == 0:
            engines.stop()
            sys.exit()  # runs what is registered for the exit, too
        os.wait()
        assert run(lambda comm: os.getpid(), ranks=2).results == pids
        print("fine")
    """
    with script(body) as process:
        line, fine = process.communicate(timeout=60)[0].splitlines()
    assert fine == "fine"
    assert traces(line) == []


def test_a_forked_child_that_lives_on_keeps_no_engine_alive():
    body = """
        hello()
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        os.kill(os.getpid(), 9)
    """
    with script(body) as process:
        line = process.stdout.readline()
        assert traces(line) == []
        # The child holds our end of the pipe; it is the only one that still has its name.
        for child in psutil.process_iter(["cmdline"]):
            if textwrap.dedent(body) in " ".join(child.info["cmdline"] or []):
                child.kill()


def test_waiting_engines_cost_nothing():
    run(lambda comm: None, ranks=4)
    members = family(engines._cluster.mark)
    before = sum(sum(p.cpu_times()[:2]) for p in members)
    time.sleep(2)  # the span over which the CPU time is measured
    spent = sum(sum(p.cpu_times()[:2]) for p in members) - before
    assert spent < 0.2  # s of CPU time in 2 s, of about 20 processes


def test_engines_listen_on_this_host_alone():
    run(lambda comm: None, ranks=2)
    addresses = {
        connection.laddr.ip
        for process in family(engines._cluster.mark)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN and "ipyparallel" in " ".join(process.cmdline())
    }
    assert addresses == {"127.0.0.1"}


def test_the_family_is_what_carries_the_mark_and_nothing_else():
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True)"
    stubborn += "; time.sleep(60)"
    start = {"stdout": subprocess.PIPE, "start_new_session": True}
    ours = subprocess.Popen([sys.executable, "-c", stubborn], env={MARK: "a test"}, **start)
    other = subprocess.Popen([sys.executable, "-c", stubborn], env={MARK: "another"}, **start)
    with ours, other:
        ours.stdout.readline()
        other.stdout.readline()
        assert [p.pid for p in family("a test")] == [ours.pid]
        assert kill_family("a test") == []
        assert ours.wait(5) == -signal.SIGKILL
        assert other.poll() is None
        other.kill()


def test_an_mpi_that_does_not_start_says_why(monkeypatch, tmp_path):
    broken = tmp_path / "mpiexec"
    broken.write_text("#!/bin/sh\necho the network is on fire\nexit 1\n")
    broken.chmod(0o755)
    engines.stop()
    monkeypatch.setattr(engines, "find_mpiexec", lambda: str(broken))
    monkeypatch.setattr(engines, "_short_tmp", lambda: str(tmp_path))
    with pytest.raises(RuntimeError, match="the network is on fire"):
        run(lambda comm: None, ranks=2)
    assert list(tmp_path.iterdir()) == [broken]
