"""`python -m dlpar.labs.sandbox.zygote FD UID`: the first process in a sandbox.

It imports what labs need, once, and forks a process for each rank that the grader asks for. It
never runs a line of a learner's code itself; its children do, with fewer rights than it has.
"""

import contextlib
import ctypes
import gc
import importlib
import json
import math
import os
import resource
import signal
import socket
import struct
import sys

from dlpar.labs.sandbox import inside, seccomp
from dlpar.labs.sandbox.wire import Wire

MEMORY = 768 * 2**20  # bytes of address space; NumPy and what labs import take under half of it
FILES, THREADS = 64, 32  # threads of all ranks together: what is graded beside them goes on
PR_SET_DUMPABLE = 4


def main(fd, uid):
    """Serve the grader at the socket `fd` until it hangs up."""
    own_user(int(uid))
    if ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError("this process would be readable to others")
    sock = socket.socket(fileno=int(fd))
    wire = Wire(sock)
    program = seccomp.filter_for(rank=True)
    modules = wire.receive(math.inf)
    for module in modules:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    gc.collect()
    gc.freeze()
    wire.send({"user": os.getuid()}, math.inf)
    while True:
        try:
            order, fds = receive(sock)
        except EOFError:
            os._exit(0)
        if "kill" in order:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(order["kill"], signal.SIGKILL)
                os.waitpid(order["kill"], 0)
            continue
        child = os.fork()
        if child == 0:
            _become_a_rank(fds[0], program, order["seconds"])
        os.close(fds[0])
        wire.send({"fork": order["fork"], "pid": child}, math.inf)


def own_user(uid):
    """Become the user `uid` for good, where we came in as root: capabilities go with it."""
    if os.getuid() != uid:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    if os.getuid() != uid or os.geteuid() != uid or uid == 0:
        raise OSError("the sandbox has no user of its own")


def receive(sock):
    """Return (order, [fd]) from the grader; EOFError once it has hung up."""
    sock.settimeout(None)
    head, fds, _, _ = socket.recv_fds(sock, 4, 1)
    if len(head) < 4:
        raise EOFError
    (length,) = struct.unpack("!I", head)
    return json.loads(sock.recv(length, socket.MSG_WAITALL)), fds


def _become_a_rank(fd, program, seconds):
    """Give up all that a rank does not need, and then run the learner's code. Never returns."""
    wire = Wire(socket.socket(fileno=os.dup2(fd, 3)))
    try:
        os.closerange(4, 4096)
        null = os.open("/dev/null", os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(null, standard)
        os.close(null)
        limits(seconds)
        seccomp.install(program)
        fault = None
    except BaseException as error:
        fault = repr(error)
    try:
        wire.send({"fault": fault}, math.inf)  # no line of a learner's code has run yet
        if fault is None:
            inside.serve(wire)
    finally:
        os._exit(0)


def limits(seconds):
    """Limit this process: CPU, memory, files, threads; it can write no file at all."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cpu = math.ceil(usage.ru_utime + usage.ru_stime + seconds)
    for what, most in (
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, FILES),
        (resource.RLIMIT_NPROC, THREADS),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        resource.setrlimit(what, (most, most))


if __name__ == "__main__":
    main(*sys.argv[1:])
