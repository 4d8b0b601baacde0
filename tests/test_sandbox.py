"""The sandbox: what crosses, that a stand-in is as the function itself, and how it fails."""

import inspect
import json
import os
import socket
import struct
import subprocess
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from dlpar import simulate
from dlpar.labs import CheckFailure, folders
from dlpar.labs.checking import examine, local
from dlpar.labs.folders import tasks_of
from dlpar.labs.grading import imported
from dlpar.labs.notebook import code_cells, defined, definitions
from dlpar.labs.sandbox import Sandbox, SandboxError, StandIn, bubblewrap, seccomp, standin, wire
from dlpar.labs.sandbox.mirror import Mirror
from dlpar.labs.values import DTYPES, KEYS, arrays_in, decode, encode
from dlpar.world import Deadlock, Faults, Kill, MPIError, Network, work
from dlpar.world.faults import WHEN

NETWORK = Network(eager_limit=64)
LABS = sorted(path.parent for path in folders.HOME.glob("*/lab.md"))

MODES = [True, False] if os.geteuid() == 0 else [False]

in_sandbox = pytest.mark.sandbox


@pytest.fixture(scope="module")
def sandbox():
    cells = [cell for lab in LABS for cell in code_cells(lab / "lab.md")]
    with Sandbox(imported(cells)) as sandbox:
        yield sandbox


@pytest.fixture
def stand_in(sandbox):
    """Make stand-ins of the function `f` that a source defines; end them after the test."""
    made = []

    def make(source, seconds=10.0):
        made.append(StandIn(sandbox, [source], "f", seconds))
        return made[-1]

    yield make
    for each in made:
        each.end()


# The values that cross

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | npst.arrays(
        st.sampled_from(sorted(DTYPES)), npst.array_shapes(min_dims=0, max_dims=3, min_side=0)
    ),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner)
    ),
    max_leaves=8,
)


def alike(a, b):
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and (a.dtype, a.shape, a.tobytes()) == (
            b.dtype,
            b.shape,
            b.tobytes(),
        )
    if isinstance(a, dict):
        return type(b) is dict and alike(list(a), list(b)) and alike([*a.values()], [*b.values()])
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(alike, a, b))
    return type(a) is type(b) and a == b


@given(plain)
def test_plain_values_cross_as_they_are(value):
    try:
        text = json.dumps(encode(value))
    except UnicodeEncodeError:
        return
    crossed = decode(json.loads(text))
    assert alike(crossed, value)
    assert all(array.flags.writeable for array in arrays_in(crossed))


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"array": ["<f8", [2], ""]},
        {"array": ["<U2", [1], "AAAAAAAAAAA="]},
        {"array": ["<M8[s]", [1], "AAAAAAAAAAA="]},
        {"array": ["|O", [1], "AAAAAAAAAAA="]},
        {"array": ["<f8", [-1], "AAAAAAAAAAA="]},
        {"array": ["<f8", [2**62, 4], ""]},
        {"array": ["<f8", [True], "AAAAAAAAAAA="]},
        {"array": ["<f8", ["1"], "AAAAAAAAAAA="]},
        {"array": ["<f8", [1], "not base64!!"]},
        {"array": [["<f8"], [1], "AAAAAAAAAAA="]},
        {"array": 3},
        {"tuple": 3},
        {"dict": [[1, 2, 3]]},
        {"dict": [[[1], 2]]},
        {"dict": [[{"dict": []}, 2]]},
        {"callable": 1},
        {"a": 1, "b": 2},
        [[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]],
        {"dict": [[k, 0] for k in range(KEYS + 1)]},
    ],
)
def test_data_that_no_value_is_made_of_is_refused(data):
    with pytest.raises(ValueError, match=r"\w"):
        decode(data)


@pytest.mark.parametrize("value", [{1}, object(), np.array(["a"]), np.zeros(1, "M8[s]"), b"a", len])
def test_what_does_not_cross_is_named(value):
    with pytest.raises(TypeError, match=type(value).__name__.split(".")[-1][:5] + "|array of"):
        encode(value)


def test_an_array_subclass_crosses_as_an_array():
    class Loud(np.ndarray):
        def __eq__(self, other):
            return True

    crossed = decode(encode(np.zeros(2).view(Loud)))
    assert type(crossed) is np.ndarray


def test_mirrors_tell_each_other_what_has_changed_and_refuse_the_rest():
    here, there = Mirror(), Mirror()
    a, b = np.arange(3.0), np.arange(3.0)
    here.add("1.1", [a])
    there.add("1.1", [b])
    assert here.changes() == []
    a[1] = 7
    there.apply(here.changes())
    assert b.tolist() == [0, 7, 2]
    assert there.changes() == here.changes() == []
    there.apply([["1.2:0", encode(a)]])  # of a call that has ended
    for wrong in (3, [3], [["1.1:0"]], [["1.1:0", {"array": ["<f8", [0], ""]}]], [["1.1:0", 3]]):
        with pytest.raises(ValueError, match=r"not a|another kind"):
            there.apply(wrong)
    here.drop("1.1")
    a[0] = 9
    assert here.changes() == []


# The wire


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    yield wire.Wire(ours), theirs
    ours.close()
    theirs.close()


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"\xff\xff\xff\xff", "the limit is"),
        (struct.pack("!I", 3) + b"{a}", "no JSON"),
        (struct.pack("!I", 3) + b"\xff\xff\xff", "no JSON"),
        (struct.pack("!I", 5000) + b"[" * 5000, "no JSON"),
        (b"\0\0", "has ended"),
        (struct.pack("!I", 9) + b"1", "has ended"),
    ],
)
def test_the_wire_takes_bounded_json_and_nothing_else(ends, sent, said):
    ours, theirs = ends
    theirs.sendall(sent)
    theirs.shutdown(socket.SHUT_WR)
    with pytest.raises(wire.WireError, match=said):
        ours.receive(time.monotonic() + 5)


def test_the_wire_bounds_all_that_one_process_sends(ends, monkeypatch):
    monkeypatch.setattr(wire, "TRAFFIC", 10)
    ours, theirs = ends
    for _ in range(3):
        theirs.sendall(struct.pack("!I", 4) + b"1234")
    assert ours.receive(time.monotonic() + 5) == ours.receive(time.monotonic() + 5) == 1234
    with pytest.raises(wire.WireError, match="in all"):
        ours.receive(time.monotonic() + 5)


def test_no_wait_of_the_wire_is_without_a_limit(ends):
    ours, _ = ends
    with pytest.raises(TimeoutError):
        ours.receive(time.monotonic())
    with pytest.raises(TimeoutError):
        ours.send(["x" * 2**22], time.monotonic())


def test_a_message_that_drips_is_late_like_one_that_does_not_come(ends):
    ours, theirs = ends
    over = threading.Event()

    def drip():
        theirs.sendall(struct.pack("!I", 2**20))
        while not over.wait(wire.SLICE / 10):
            theirs.send(b" ")

    def sip():
        while not over.wait(wire.SLICE / 10):
            theirs.recv(1)

    for peer, wait in (
        (drip, lambda: ours.receive(time.monotonic() + 0.3)),
        (sip, lambda: ours.send(["x" * 2**22], time.monotonic() + 0.3)),
    ):
        over.clear()
        thread = threading.Thread(target=peer)
        thread.start()
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            wait()
        assert time.monotonic() - began < 10  # it would take a quarter of an hour, and more
        over.set()
        thread.join()


# The filter


def run_filter(program, number, args=(0, 0), machine="x86_64"):
    """Interpret the filter on a system call, and return its answer: a tiny BPF machine."""
    data = struct.pack("<IIQQQ", number, seccomp.MACHINES[machine][0], 0, *args)
    rows = [struct.unpack_from("<HBBI", program, i) for i in range(0, len(program), 8)]
    at, value = 0, 0
    while True:
        code, yes, no, k = rows[at]
        at += 1
        if code == seccomp.LOAD:
            (value,) = struct.unpack_from("<I", data, k)
        elif code == seccomp.RETURN:
            return k
        elif code == seccomp.EQUAL:
            at += yes if value == k else no
        elif code == seccomp.GREATER:
            at += yes if value > k else no
        elif code == seccomp.ANY_BIT:
            at += yes if value & k else no


@pytest.mark.parametrize("machine", seccomp.MACHINES)
def test_the_filter_refuses_what_it_lists_and_allows_the_rest(machine):
    column = seccomp.MACHINES[machine][1]
    outer, inner = (seccomp.filter_for(rank, machine) for rank in (False, True))

    def answers(number, *args):
        args = (*args, 0, 0)[:2]
        return [run_filter(program, number, args, machine) for program in (outer, inner)]

    refused, allowed, unknown = seccomp.REFUSE, seccomp.ALLOW, seccomp.UNKNOWN
    for numbers in seccomp.NOBODY.values():
        if numbers[column] != seccomp.NONE:
            assert answers(numbers[column]) == [refused, refused]
    for numbers in seccomp.RANK.values():
        if numbers[column] != seccomp.NONE:
            assert answers(numbers[column]) == [allowed, refused]
    for number in (0, 1, 9) if machine == "x86_64" else (63, 64, 222):  # read, write, mmap
        assert answers(number) == [allowed, allowed]
    assert answers(seccomp.CEILING + 1) == answers(2**30) == [unknown, unknown]
    assert answers(seccomp.CLONE3[column]) == [unknown, unknown]
    assert answers(seccomp.CLONE[column], 17) == [allowed, refused]  # SIGCHLD: a fork
    assert answers(seccomp.CLONE[column], seccomp.THREAD) == [allowed, allowed]
    assert answers(seccomp.CLONE[column], 0x10000000) == [refused, refused]  # a user namespace
    assert answers(seccomp.FCNTL[column], 0, 6) == [allowed, refused]  # a lock
    assert answers(seccomp.FCNTL[column], 0, 3) == [allowed, allowed]
    for owner in (8, 10, 15):  # F_SETOWN, F_SETSIG, F_SETOWN_EX
        assert answers(seccomp.FCNTL[column], 0, owner) == [allowed, refused]
    assert answers(seccomp.IOCTL[column], 0, 0x8901) == [allowed, refused]  # FIOSETOWN
    assert answers(seccomp.IOCTL[column], 0, 0x5421) == [allowed, allowed]  # FIONBIO
    for call in (seccomp.CLOCK_GETTIME, seccomp.CLOCK_GETRES):
        assert answers(call[column], 3) == [allowed, allowed]  # this thread's own
        assert answers(call[column], (~2 << 3 | 2) % 2**32) == [allowed, refused]  # process 2's
    assert answers(seccomp.PRCTL[column], 15) == [allowed, refused]
    assert answers(seccomp.PRLIMIT[column], 5) == [allowed, refused]
    assert answers(seccomp.PRLIMIT[column], 0) == [allowed, allowed]


def test_a_machine_of_another_kind_dies_and_one_without_a_list_has_no_filter():
    program = seccomp.filter_for(rank=False, machine="x86_64")
    assert run_filter(program, 0, machine="aarch64") == seccomp.KILL
    with pytest.raises(OSError, match="no list of system calls for 'mips'"):
        seccomp.filter_for(rank=False, machine="mips")


# It fails closed


def test_without_bubblewrap_nothing_runs_and_the_remedy_is_said(monkeypatch):
    monkeypatch.setattr(bubblewrap.shutil, "which", lambda name: None)
    with pytest.raises(SandboxError, match="apt-get install bubblewrap"):
        Sandbox()


def test_without_a_filter_nothing_runs(monkeypatch):
    monkeypatch.setattr(seccomp, "MACHINES", {})
    with pytest.raises(SandboxError, match="no list of system calls"):
        Sandbox()


@in_sandbox
def test_a_filter_that_the_kernel_refuses_is_no_sandbox(monkeypatch):
    monkeypatch.setattr(bubblewrap, "filter_for", lambda rank: b"\0" * 8)
    with pytest.raises(SandboxError, match="Nothing was run"):
        Sandbox()


@in_sandbox
def test_a_bubblewrap_that_may_not_make_namespaces_is_no_sandbox(monkeypatch, tmp_path):
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setattr(bubblewrap.shutil, "which", lambda name: str(fake))
    with pytest.raises(SandboxError, match="No permissions to create new namespace"):
        Sandbox()


def test_no_check_can_take_a_missing_sandbox_for_a_wrong_answer():
    assert not issubclass(SandboxError, Exception)


@in_sandbox
@pytest.mark.parametrize("as_root", MODES)
def test_inside_there_is_a_user_of_its_own_and_nothing_to_find(as_root):
    source = """
import os
def f(path):
    try:
        return [os.getuid(), os.getgroups(), os.listdir(path)]
    except OSError as error:
        return [os.getuid(), os.getgroups(), error.errno]
"""
    with Sandbox(as_root=as_root) as sandbox:
        f = StandIn(sandbox, [source], "f", 10.0)
        user, groups, root = f("/")
        assert user == bubblewrap.own_user(as_root) != 0
        assert groups in ([], [bubblewrap.NOBODY])
        assert set(root) <= {"usr", "lib", "lib64", "python", "book", "site", "dev", "tmp"}
        assert f("/tmp")[2] == []
        assert f("/book")[2] == ["dlpar"]
        assert set(f("/dev")[2]) == {"null", "urandom"}
        for path in ("/proc", "/etc", "/root", "/home", str(folders.HOME)):
            assert f(path)[2] == 2  # ENOENT
        f.end()


PROBE = """
import ctypes, json, os, socket
path = []
for folder in ("/tmp", "/dev", "/", "/site", "/book", "/usr/lib", "/python/lib"):
    try:
        open(os.path.join(folder, "x"), "w").close()
        path.append(folder)
    except OSError:
        pass
nets = [name for _, name in socket.if_nameindex()]
host = socket.gethostname()
mount = ctypes.CDLL(None).mount(b"none", b"/tmp", b"tmpfs", 0, None)
print(json.dumps([os.getpid(), os.getppid(), nets, host, dict(os.environ), path, mount]))
"""


@in_sandbox
@pytest.mark.parametrize("as_root", MODES)
def test_the_namespaces_alone_hold_even_where_no_call_is_refused(as_root, tmp_path, monkeypatch):
    monkeypatch.setenv("DLPAR_SECRET", "27182818")
    allow = struct.pack("<HBBI", seccomp.RETURN, 0, 0, seccomp.ALLOW)
    (tmp_path / "filter").write_bytes(allow)
    with open(tmp_path / "filter", "rb") as filters:
        argv = bubblewrap.command(as_root, filters.fileno())
        argv += [f"/python/bin/{os.path.basename(bubblewrap.PYTHON)}", "-S", "-c", PROBE]
        done = subprocess.run(argv, pass_fds=[filters.fileno()], capture_output=True, timeout=30)
    pid, parent, nets, host, environment, written, mount = json.loads(done.stdout)
    assert (pid, parent) == (2, 1)
    assert nets == ["lo"]
    assert host == "lab"
    assert "DLPAR_SECRET" not in environment
    assert written == []
    assert mount == -1
    assert {"--die-with-parent", "--new-session"} <= set(argv)


# The stand-in is as the function itself

CALLS = """
import numpy as np
def f(kind, *args):
    if kind == "same":
        return args
    if kind == "in place":
        args[0][1:] *= 2
        args[1][0][:] = 7
        return None
    if kind == "back":
        return [args[0](i, scale=2.0) for i in range(3)]
    if kind == "back in place":
        args[0](args[1])
        return args[1] + 1
    if kind == "draw":
        return args[0].normal(size=3)
    if kind == "raise":
        raise {"value": ValueError, "key": KeyError, "own": Own}[args[0]]("so it is")
class Own(Exception):
    pass
"""


@in_sandbox
def test_arguments_and_answers_cross(stand_in):
    f = stand_in(CALLS)
    args = (1, 2.5, "a", None, True, [np.arange(3)], (1,), {"k": np.zeros((2, 0))})
    assert alike(f("same", *args), args)
    with pytest.raises(CheckFailure, match="not finite"):
        f("same", float("inf"))


@in_sandbox
def test_arrays_come_back_as_the_function_left_them(stand_in):
    f = stand_in(CALLS)
    x, y = np.arange(4), np.zeros(2, np.float32)
    assert f("in place", x, [y]) is None
    assert x.tolist() == [0, 2, 4, 6]
    assert y.tolist() == [7, 7]


@in_sandbox
def test_callables_are_called_here(stand_in):
    f, asked = stand_in(CALLS), []

    def back(i, scale):
        asked.append((i, scale))
        return i * scale

    assert f("back", back) == [0.0, 2.0, 4.0]
    assert asked == [(0, 2.0), (1, 2.0), (2, 2.0)]
    x = np.zeros(2)
    assert f("back in place", lambda x: x.__setitem__(0, 5), x).tolist() == [6, 1]
    assert x.tolist() == [5, 0]


@in_sandbox
def test_a_budget_that_a_callable_keeps_ends_the_check(stand_in):
    def spent(*_, **__):
        raise CheckFailure("the budget is spent")

    with pytest.raises(CheckFailure, match="budget is spent"):
        stand_in(CALLS)("back", spent)


@in_sandbox
def test_a_generator_crosses_as_a_copy(stand_in):
    got = stand_in(CALLS)("draw", np.random.default_rng(7))
    assert alike(got, np.random.default_rng(7).normal(size=3))


@in_sandbox
@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [("value", ValueError, "so it is"), ("key", KeyError, "so it is"), ("own", Exception, "so it")],
)
def test_an_exception_arrives_under_its_name_with_its_line(stand_in, name, kind, said):
    with pytest.raises(kind, match=said) as caught:
        stand_in(CALLS)("raise", name)
    assert type(caught.value).__name__ in (kind.__name__, "Own")
    assert "of its cell: `raise" in caught.value.place


PROGRAMS = {
    "eager and rendezvous": """
def f(x, comm):
    other = np.empty_like(x)
    if comm.rank % 2:
        comm.Recv(other, source=comm.rank - 1, tag=3)
        comm.Send(x, dest=comm.rank - 1, tag=4)
    else:
        comm.Send(x, comm.rank + 1, 3)
        comm.Recv(other, comm.rank + 1, 4)
    return other
""",
    "requests": """
def f(x, comm):
    p, r = comm.Get_size(), comm.Get_rank()
    inbox, status = np.zeros((2, x.size)), Status()
    asked = [comm.Irecv(inbox[0], source=(r - 1) % p), comm.Irecv(inbox[1], source=(r + 1) % p)]
    mine = x.copy()
    given = [comm.Isend(mine, dest=(r + 1) % p), comm.Isend(mine, dest=(r - 1) % p)]
    first = given[0].Waitany(asked, status)
    asked[1 - first].Wait()
    given[0].Waitall(given)
    return [inbox, status.Get_source(), status.Get_count(8), first]
""",
    "a buffer changed too early": """
def f(x, comm):
    mine, inbox = x.copy(), np.zeros_like(x)
    request = comm.Isend(mine, dest=(comm.rank + 1) % comm.size)
    mine[:] = -1
    comm.Recv(inbox)
    request.Wait()
    return inbox
""",
    "test and probe": """
def f(x, comm):
    status, tries = Status(), 0
    if comm.rank == 0:
        work(comm, seconds=1e-3)
        for dest in range(1, comm.size):
            comm.Send(x[:dest], dest=dest, tag=dest)
        return None
    inbox = np.zeros_like(x)
    while not comm.Iprobe(source=0, tag=ANY_TAG, status=status) and tries < 5:
        tries += 1
    comm.Probe(status=status)
    request = comm.Irecv(inbox, source=status.Get_source(), tag=status.Get_tag())
    while not request.Test():
        tries += 1
    return [tries, inbox, status.Get_count(8)]
""",
    "sums that are under way": """
def f(x, comm):
    grads, requests = np.zeros((3, x.size)), []
    for k in (2, 1, 0):  # the next row is written while the last one is summed
        grads[k] = x * (k + 1) + comm.rank
        work(comm, seconds=(1 + comm.rank) * 1e-5)
        requests.append(comm.Iallreduce(IN_PLACE, grads[k]))
    total = np.zeros_like(x)
    requests.append(comm.Iallreduce(x, total, op=MAX))
    while not requests[0].Test():
        pass
    requests[0].Waitall(requests)
    return [grads, total]
""",
    "collectives": """
def f(x, comm):
    p, r = comm.size, comm.rank
    total, top, rows = np.zeros_like(x), np.zeros_like(x), np.zeros((p, x.size))
    comm.Allreduce(x, total)
    comm.Reduce(x, top, op=MAX, root=1)
    comm.Allreduce(IN_PLACE, x, op=SUM)
    comm.Allgather(x, rows)
    comm.Bcast(top, root=1)
    part = np.zeros(p)
    comm.Alltoall(np.arange(p) * 1.0 + r, part)
    comm.Barrier()
    half = comm.Split(r % 2, -r)
    seen = np.zeros(half.size)
    half.Gather(np.array([float(r)]), seen, root=0)
    one = np.zeros(1)
    half.Scatter(seen, one, root=0)
    return [total, top, x, rows, part, half.rank, half.size, seen, one]
""",
    "one buffer for both": """
def f(x, comm):
    held = x.copy()
    both = [comm.Irecv(held, source=comm.rank ^ 1), comm.Isend(held, dest=comm.rank ^ 1)]
    part = [comm.Irecv(held[:3], source=comm.rank ^ 2), comm.Isend(held[1:4], comm.rank ^ 2)]
    both[0].Waitall(both + part)
    comm.Sendrecv(x, comm.rank, recvbuf=x[:], source=comm.rank)
    return held
""",
    "sendrecv in slices": """
def f(x, comm):
    p, r = comm.size, comm.rank
    rows = np.zeros((p, x.size))
    comm.Sendrecv([x, 2], dest=(r + 1) % p, recvbuf=rows[(r - 1) % p], source=(r - 1) % p)
    comm.Sendrecv(rows[r, :1], (r + 1) % p, 5, rows[r, 1:], PROC_NULL, 5)
    inbox = bytearray(8)
    comm.Sendrecv(bytes(8), PROC_NULL, recvbuf=inbox, source=PROC_NULL)
    return rows
""",
    "raises": """
def f(x, comm):
    comm.Send(x, dest=comm.size + 1)
""",
    "raises too": """
def f(x, comm):
    comm.Send(np.zeros((4, 4))[:, 1], dest=0)
""",
    "truncates": """
def f(x, comm):
    if comm.rank == 0:
        comm.Send(x[:4], dest=1)
    else:
        comm.Recv(x[:1], source=0)
""",
    "deadlocks": """
def f(x, comm):
    comm.Recv(x, source=(comm.rank + 1) % comm.size, tag=2)
""",
}
HEAD = "import numpy as np\nfrom dlpar.world import *\n"


def told(function):
    """Run `function` on four simulated ranks; return all that can be seen of it."""
    x = np.random.default_rng(7).normal(size=(4, 24))
    try:
        out = simulate(lambda comm: function(x[comm.rank], comm), ranks=4, network=NETWORK)
    except (Deadlock, MPIError, BufferError) as error:
        return type(error).__name__, str(error)
    return encode([out.results, out.time, x]), out.trace.messages, out.trace.spans


@in_sandbox
@pytest.mark.parametrize("name", PROGRAMS)
def test_ranks_in_the_sandbox_do_what_they_do_here(stand_in, name):
    source = HEAD + PROGRAMS[name]
    functions, broken = definitions([source])
    assert not broken
    assert told(stand_in(source)) == told(local(functions["f"]))


SURVIVES = """
def f(x, comm):
    seen, total = [], np.zeros_like(x)
    late = comm.Irecv(np.zeros(1), source=2, tag=9) if comm.rank == 1 else None
    while True:
        try:
            comm.Sendrecv(x, comm.rank - 1 if comm.rank else comm.size - 1, recvbuf=total,
                          source=(comm.rank + 1) % comm.size)
            comm.Allreduce(x, total)
            fine = 1
        except MPIError as error:
            seen.append(str(error))
            comm.Revoke()
            fine = 0
        failed = comm.Get_failed()
        seen += [failed.Get_size(), failed.Translate_ranks(None, comm.Get_group())]
        seen += [comm.Is_revoked(), comm.Ack_failed()]
        try:
            fine = comm.Agree(fine)
        except MPIError as error:
            seen.append(error.error_class)
            fine = 0
        if fine:
            return [total, seen, comm.rank, comm.size]
        if late is not None:
            try:
                late.Wait()
            except MPIError as error:
                seen.append(str(error))
            late = None
        comm = comm.Shrink()
"""


@in_sandbox
@pytest.mark.parametrize("on", ["Sendrecv", "Allreduce"])
@pytest.mark.parametrize("when", WHEN)
def test_survivors_in_the_sandbox_are_told_and_go_on_as_they_are_here(stand_in, on, when):
    def told(function):
        x, plan = (
            np.arange(12.0).reshape(4, 3),
            Faults([Kill(2, on, when=when), Kill(0, "Shrink", when=when)]),
        )
        out = simulate(
            lambda comm: function(x[comm.rank], comm), 4, network=NETWORK, faults=plan, ulfm=True
        )
        assert [result is None for result in out.results] == [True, False, True, False]
        return encode(out.results), out.time, out.trace.messages, out.trace.spans

    source = HEAD + SURVIVES
    assert told(stand_in(source)) == told(local(definitions([source])[0]["f"]))


@in_sandbox
@pytest.mark.parametrize("key", ["6", "'six'", "(1, 'a')"])
def test_a_missing_key_is_named_as_it_is_here(stand_in, key):
    with pytest.raises(KeyError) as error:
        stand_in(f"def f():\n    return {{}}[{key}]\n")()
    assert str(error.value) == key


@in_sandbox
def test_a_world_that_tells_of_no_deaths_has_no_calls_for_them(stand_in):
    f = stand_in("def f(comm):\n    comm.Shrink()\n")
    with pytest.raises(AttributeError, match="Shrink"):
        simulate(lambda comm: f(comm), ranks=2)


@in_sandbox
def test_a_call_that_was_given_up_leaves_nothing_behind(stand_in):
    f = stand_in(HEAD + PROGRAMS["deadlocks"])
    for _ in range(2):
        assert told(f)[0] == "Deadlock"


@in_sandbox
def test_work_is_declared_as_here_and_cannot_turn_the_clock_back(stand_in):
    def seconds(function):
        return simulate(lambda comm: function(comm), ranks=1).time

    honest = "from dlpar import world\ndef f(comm):\n    world.work(comm, seconds=2.0)\n"
    assert seconds(stand_in(honest)) == seconds(lambda comm: work(comm, seconds=2.0)) == 2.0
    flops = honest.replace("seconds=2.0", "flops=1e9")
    assert seconds(stand_in(flops)) == seconds(lambda comm: work(comm, flops=1e9)) > 0
    forged = "def f(comm):\n    comm.declare_work(-5.0, None)\n"
    with pytest.raises(ValueError, match="at least 0"):
        seconds(stand_in(forged))


@in_sandbox
def test_a_process_that_hangs_is_given_up_and_the_next_call_has_a_new_one(stand_in, monkeypatch):
    f = stand_in("def f(n):\n    while n:\n        pass\n    return n\n")
    with monkeypatch.context() as patch:
        patch.setattr(standin, "WAIT", 0.3)
        with pytest.raises(TimeoutError, match=r"within 0\.3 s"):
            f(1)
    assert f(0) == 0


@in_sandbox
def test_a_task_has_so_many_seconds_in_all(stand_in):
    f = stand_in("import time\ndef f(s):\n    time.sleep(s)\n    return 1\n", seconds=2.5)
    assert f(0.0) == 1
    with pytest.raises(TimeoutError, match="s are over"):
        [f(1.0) for _ in range(5)]


@in_sandbox
@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("g = 1", "defines no function f"),
        ("def f(:", "code cell 1 does not parse: invalid syntax, line 1"),
        ("import nump", "cannot be read: ModuleNotFoundError"),
        ("class A:\n    1 / 0", "cannot be read: ZeroDivisionError"),
    ],
)
def test_a_notebook_without_the_function_says_why(stand_in, source, said):
    with pytest.raises(CheckFailure, match=said):
        stand_in(source)()


SOURCES = """
import inspect

import numpy as np


def mark(function):  # as a kernel's decorator does: it reads the source, and runs that
    function.source = inspect.getsource(function)
    return function


@mark
def kernel(x, out):
    out[0] = x.size  # the answer
"""


def f_of_another_cell(x):
    """Tell what `inspect` finds: of a function of another cell, of itself, of one inside."""

    def inner():
        return "inner"

    import inspect

    out = np.zeros(1)
    kernel(x, out)  # noqa: F821
    later = inspect.getsource(kernel)  # noqa: F821
    return [kernel.source == later, later, inspect.getsource(inner), out]  # noqa: F821


CELLS = [SOURCES, inspect.getsource(f_of_another_cell).replace("f_of_another_cell", "f")]


@in_sandbox
def test_the_source_of_a_submissions_functions_is_there_for_those_who_run_it(sandbox):
    f = StandIn(sandbox, CELLS, "f", 10.0)
    for got in (f(np.arange(3)), definitions(CELLS)[0]["f"](np.arange(3))):
        assert got[0] is True
        assert got[1].endswith("out[0] = x.size  # the answer\n")
        assert 'return "inner"' in got[2]
        assert got[3].tolist() == [3]
    f.end()


def test_two_notebooks_with_as_many_cells_keep_their_own_sources():
    first, second = (definitions([f"def f():\n    return {n}\n"])[0]["f"] for n in (1, 2))
    assert "return 1" in inspect.getsource(first)
    assert "return 2" in inspect.getsource(second)


@in_sandbox
def test_a_sandbox_that_is_gone_starts_again_for_the_next_function(sandbox, stand_in):
    f = stand_in("def f():\n    return 1\n")
    assert f() == 1
    sandbox._process.kill()
    sandbox._process.wait()
    f.end()
    assert f() == 1


@in_sandbox
@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.name)
def test_every_answer_gets_in_the_sandbox_the_verdict_that_it_gets_here(lab, sandbox):
    cells, tasks = code_cells(lab / "lab.md"), tasks_of(lab)
    answers = [(name, "") for name in tasks]
    answers += [(p.parent.name, p.read_text()) for p in sorted((lab / "wrong").glob("*/*.py"))]
    for name, wrong in answers:
        task = tasks[name]
        here = defined([wrong] if wrong else cells, task.kernel)[0][name]
        there = StandIn(sandbox, [*cells, wrong], name, task.seconds, task.kernel)
        for part in task.parts(7):
            verdicts = []
            for function in (local(here), there):
                check, rng = task.parts(7)[part]
                verdict = examine(task, check, function, rng)
                words = " ".join(verdict.message.split(" (line")[0].split())
                verdicts.append((verdict.passed, verdict.kept, words))
            assert verdicts[0] == verdicts[1]
            there.renew()
        there.end()
