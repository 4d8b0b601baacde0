"""Programs as others write them for mpi4py's buffer interface run in both worlds, unchanged.

They have mpi4py's own constants, and `comm` as their only argument. Each knows a serial oracle.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dlpar import run, simulate
from dlpar.world import MPIError, Network, work
from dlpar.world.presets import star
from dlpar.world.real.mpi import MPI  # imported here first, so that no test process starts MPI

FOLDER = Path(__file__).parent / "programs"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py"))


def load(name):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # `run` sends its functions by this name
    spec.loader.exec_module(module)
    return module


PROGRAMS = {name: load(name) for name in NAMES}
SMALL = Network(eager_limit=64)


@pytest.mark.parametrize("p", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("network", [Network(), SMALL, star(6)], ids=["eager", "late", "star"])
@pytest.mark.parametrize("name", NAMES)
def test_it_meets_its_oracle_in_simulation(name, network, p):
    program = PROGRAMS[name]
    out = simulate(program.program, p, network=network)
    program.check(out.results)
    assert out.time > 0 or p == 1


@pytest.mark.mpi
@pytest.mark.parametrize("p", [1, 2, 4])
@pytest.mark.parametrize("name", NAMES)
def test_it_does_the_same_on_real_processes(name, p):
    program = PROGRAMS[name]
    virtual, real = simulate(program.program, p), run(program.program, p, timeout=30)
    program.check(real.results)
    if name != "conjugate_gradient":  # MPI adds in an order of its own: `check` bounds the error
        np.testing.assert_equal(virtual.results, real.results)
    if name == "task_farm":  # who gets which task is left open
        counts = [(t.messages_sent.sum(), t.bytes_sent.sum()) for t in (virtual.trace, real.trace)]
        assert counts[0] == counts[1]
        return
    np.testing.assert_array_equal(virtual.trace.messages_sent, real.trace.messages_sent)
    np.testing.assert_array_equal(virtual.trace.bytes_sent, real.trace.bytes_sent)
    rows = [sorted(m[:4] for m in trace.messages) for trace in (virtual.trace, real.trace)]
    assert rows[0] == rows[1]


# What they are made of, one call at a time, held against MPI.


def grids(comm):
    """Return all that a grid tells of itself, for several grids."""
    seen = []
    for dims, periods in (([2, 2], None), ([1, 3], [True, False]), ([4, 1], [0, 1]), ([2], [1])):
        cart = comm.Create_cart(dims, periods)
        if cart is None:
            seen.append(None)
            continue
        shifts = [cart.Shift(d, by) for d in range(len(dims)) for by in (-2, -1, 0, 1, 3)]
        coords = [cart.Get_coords(r) for r in range(cart.Get_size())]
        ranks = [cart.Get_cart_rank(c) for c in coords]
        part = cart.Sub([i == 0 for i in range(len(dims))])
        mine = cart.coords, list(cart.dims), [bool(x) for x in cart.periods]
        seen.append((cart.rank, mine, shifts, coords, ranks, part.rank, part.size, part.coords))
        again = cart.Dup()
        x = np.array([cart.rank])
        again.Sendrecv_replace(x, (cart.rank + 1) % cart.size, source=(cart.rank - 1) % cart.size)
        seen.append(int(x[0]))
        again.Free()
    return seen


def vectors(comm):
    """Return what every vector collective delivers, with gaps, and in place."""
    r, p = comm.rank, comm.size
    counts = np.arange(p)  # rank 0 has nothing
    displs = np.cumsum(counts) - counts + np.arange(p)  # a gap before each block
    x = 10 * r + np.arange(r)
    seen = []
    for spec in ((counts, None), (counts, displs)):
        wide = np.full(displs[-1] + counts[-1] + 1, -1)
        comm.Allgatherv(x, [wide, spec] if spec[1] is not None else [wide, counts])
        seen.append(wide.copy())
        wide[:] = -1
        comm.Gatherv(x, [wide, *spec, MPI.INT64_T] if r == 1 else None, root=1)
        seen.append(wide.copy())
    got, table = np.full(r + 1, -1), np.arange(counts.sum())
    comm.Scatterv([table, counts] if r == 0 else None, got, root=0)
    seen.append(got)
    # Rank r sends (r + d) % 3 elements to rank d.
    give, take = (r + np.arange(p)) % 3, (np.arange(p) + r) % 3
    inbox = np.full(take.sum(), -1)
    comm.Alltoallv([100 * r + np.arange(give.sum()), give], [inbox, (take, None)])
    seen.append(inbox)
    x = np.zeros(p, int)
    x[r] = r + 7
    comm.Allgather(MPI.IN_PLACE, x)
    seen.append(x.copy())
    comm.Gather(MPI.IN_PLACE if r == 0 else x[:1], x if r == 0 else None, root=0)
    seen.append(x.copy())
    comm.Scatter(x if r == 0 else None, MPI.IN_PLACE if r == 0 else x[:1], root=0)
    total = np.zeros(p, int)
    for op in (MPI.SUM, MPI.PROD, MPI.MAX, MPI.MIN):
        comm.Allreduce(x + r, total, op)
        seen.append(total.copy())
    return seen


@pytest.mark.mpi
@pytest.mark.parametrize("program", [grids, vectors])
def test_each_call_does_what_mpi_does(program):
    np.testing.assert_equal(simulate(program, 4).results, run(program, 4, timeout=30).results)


@pytest.mark.parametrize("late", range(3))
def test_blocks_that_differ_cost_what_the_largest_would_whoever_comes_last(late):
    def program(comm, counts):
        work(comm, seconds=float(comm.rank == late))
        comm.Allgatherv(np.ones(counts[comm.rank]), [np.empty(sum(counts)), counts])

    uneven, even = (simulate(program, 3, (c,)).time for c in ([999, 1, 0], [999, 999, 999]))
    assert uneven == even


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda c: c.Create_cart([3]), MPIError, "MPI_ERR_DIMS"),
        (lambda c: c.Create_cart([0]), MPIError, "MPI_ERR_DIMS"),
        (lambda c: c.Shift(0, 1), MPIError, "MPI_ERR_TOPOLOGY"),
        (lambda c: c.Create_cart([2]).Get_cart_rank([2]), MPIError, "MPI_ERR_ARG"),
        (lambda c: c.Allgatherv(np.ones(1), [np.ones(3), [1, 1, 1]]), ValueError, "2"),
        (lambda c: c.Allgatherv(np.ones(1), [np.ones(1), [1, 1]]), ValueError, "beyond"),
        (lambda c: c.Allgatherv(np.ones(1), [np.ones(3), [-1, 1]]), ValueError, "at least 0"),
        (lambda c: c.Allreduce(np.ones(1), np.ones(1), MPI.LAND), NotImplementedError, "SUM"),
    ],
)
def test_a_wrong_call_is_named(call, error, words):
    with pytest.raises(error, match=words):
        simulate(call, 2)


@pytest.mark.mpi
def test_mpi4pys_status_counts_what_came(tmp_path):
    code = """
import numpy as np
from mpi4py import MPI
from dlpar import simulate

def program(comm):
    status = MPI.Status()
    x = np.zeros(5)
    comm.Sendrecv([x, 3], comm.rank, 4, x, status=status)
    return status.Get_source(), status.Get_tag(), status.Get_count(MPI.DOUBLE)

print(simulate(program, 2).results)
"""
    # Open MPI leaves its shared memory behind where one process alone starts it.
    env = os.environ | {"OMPI_MCA_btl_sm_backing_directory": str(tmp_path)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[(0, 4, 3), (1, 4, 3)]", done.stderr
