import json
import os
import subprocess
import sys
import textwrap
import time

import pytest

from dlpar.world.real import engines, under_mpiexec

pytestmark = [pytest.mark.mpi, pytest.mark.xdist_group("mpi")]

HEAD = """
    import json, os, sys, time
    import numpy as np
    from mpi4py import MPI
    from dlpar import run

    def shift(comm, n):
        x, y = np.full(n, comm.rank), np.empty(n, int)
        comm.Sendrecv(x, (comm.rank + 1) % comm.size, 0, y, (comm.rank - 1) % comm.size)
        return y.tolist()

    def write(what):
        with open(f"{sys.argv[1]}/{MPI.COMM_WORLD.rank}.json", "w") as file:
            json.dump(what, file)
"""


def mpiexec(tmp_path, body, n=3):
    """Run HEAD and `body` on n processes; return (exit code, stderr, what each rank wrote, s)."""
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(HEAD) + textwrap.dedent(body))
    more = {
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_btl": "self,sm",
        "OMPI_MCA_osc": "^ucx",
        "OMPI_MCA_btl_sm_backing_directory": str(tmp_path),  # what an aborted job leaves behind
        "PRTE_MCA_prte_tmpdir_base": str(tmp_path),
        "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    }
    command = [engines.find_mpiexec(), "-n", str(n), sys.executable, "-m", "mpi4py"]
    start = time.monotonic()
    done = subprocess.run(
        [*command, str(program), str(tmp_path)],
        env=os.environ | more,
        capture_output=True,
        text=True,
        timeout=60,
    )
    written = [tmp_path / f"{r}.json" for r in range(n)]
    told = [json.loads(p.read_text()) if p.exists() else None for p in written]
    return done.returncode, done.stderr, told, time.monotonic() - start


def test_all_processes_get_the_same_outcome_also_those_that_are_no_rank(tmp_path):
    body = """
        seen = []
        for p in (3, 2, 1, 3):
            out = run(shift, ranks=p, args=(2,))
            assert 0 < out.time < 10
            counts = out.trace.messages_sent.tolist(), out.trace.bytes_sent.tolist()
            seen.append([out.results, *counts])
        write(seen)
    """
    code, stderr, told, _ = mpiexec(tmp_path, body)
    assert code == 0, stderr
    expected = [[[[(r - 1) % p] * 2 for r in range(p)], [1] * p, [16] * p] for p in (3, 2, 1, 3)]
    assert told == [expected] * 3


def test_an_error_that_every_rank_survives_is_raised_on_all_and_the_next_call_works(tmp_path):
    body = """
        def fail(comm):
            if comm.rank:
                raise KeyError(f"from {comm.rank}")
        told = []
        for call in (lambda: run(fail, ranks=3), lambda: run(shift, ranks=4, args=(1,))):
            try:
                call()
            except (KeyError, ValueError) as error:
                told.append([type(error).__name__, str(error), *getattr(error, "__notes__", [])])
        write([told, run(shift, ranks=2, args=(1,)).results])
    """
    code, stderr, told, _ = mpiexec(tmp_path, body)
    assert code == 0, stderr
    assert told[0] == told[1] == told[2]
    (raised, too_many), results = told[0]
    assert raised[:2] == ["KeyError", "'from 1'"]
    assert "raised by rank 1 of 3" in raised[2]
    assert raised[3] == "rank 2 raised too: KeyError: 'from 2'"
    assert too_many == ["ValueError", "ranks must be at most 3, mpiexec's processes; got 4"]
    assert results == [[1], [0]]


@pytest.mark.parametrize(
    ("program", "timeout", "words"),
    [
        ("comm.Recv(np.empty(1), source=1 - comm.rank, tag=3)", 1, "rank 0 waits in Recv(source=1"),
        ("__import__('ctypes').PyDLL(None).sleep(60)", 1, "Timeout"),
        ("comm.Recv(np.empty(1), 0) if comm.rank else 1 / 0", 30, "division by zero"),
    ],
)
def test_a_program_that_cannot_end_ends_the_job_and_says_why(tmp_path, program, timeout, words):
    # a process that starts late is another test's matter: all come to the call together
    body = f"MPI.COMM_WORLD.Barrier(); run(lambda comm: {program}, ranks=2, timeout={timeout})"
    code, stderr, _, seconds = mpiexec(tmp_path, body)
    assert code != 0
    assert words in stderr
    assert "program.py" in stderr
    assert seconds < 15


def test_a_process_that_does_not_come_to_the_call_is_not_waited_for(tmp_path):
    body = """
        if MPI.COMM_WORLD.rank == 2:
            time.sleep(60)
        run(shift, ranks=2, args=(1,), timeout=1)
    """
    code, stderr, _, seconds = mpiexec(tmp_path, body)
    assert code != 0
    assert "not every process of mpiexec's came to this call of run" in stderr
    assert seconds < 15


def test_a_process_knows_whether_mpiexec_started_it(monkeypatch):
    for name in ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS"):
        monkeypatch.delenv(name, raising=False)
    assert not under_mpiexec.here()
    monkeypatch.setenv("PMI_SIZE", "1")  # as a batch system may set it for a notebook
    assert not under_mpiexec.here()
    monkeypatch.setenv("PMI_SIZE", "2")
    assert under_mpiexec.here()
