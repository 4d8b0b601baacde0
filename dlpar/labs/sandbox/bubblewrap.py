"""The sandbox: bubblewrap, with a user of its own, no network, and nothing to read but Python."""

import contextlib
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from dlpar.labs.sandbox.seccomp import filter_for
from dlpar.labs.sandbox.wire import Wire, WireError

PACKAGE = Path(__file__).parents[2]  # dlpar, without the labs beside it
SITE = Path(np.__file__).parents[1]  # NumPy and what else is installed
PYTHON: str = sys._base_executable  # type: ignore[attr-defined]  # not the environment's link
NOBODY = 65534
START = 20.0  # s that a sandbox may take to start
REMEDY = (
    "dlpar grade runs submissions in a sandbox only, and there is none: {}. It needs Linux with "
    "bubblewrap (apt-get install bubblewrap) and, unless it runs as root, user namespaces (on "
    "Ubuntu 24.04: sysctl kernel.apparmor_restrict_unprivileged_userns=0; in Docker: --privileged "
    "or a seccomp profile that allows them). Nothing was run, and nothing was graded."
)


class SandboxError(BaseException):
    """There is no sandbox, so nothing runs; the message says why, and what helps.

    No Exception: it must end the grading, and never pass for a fault of the learner's code.
    """

    def __init__(self, why):
        super().__init__(REMEDY.format(str(why).strip() or "it did not start"))


class Sandbox:
    """A started sandbox: `fork()` makes a process in it for a learner's code.

    modules : names of modules to import beforehand, which saves each process that time.
    as_root : whether to use root's right to make the sandbox, and leave it for a user of its own;
        otherwise a user namespace.

    Raises SandboxError if anything of it is missing.
    """

    def __init__(self, modules=(), as_root=None):
        self._as_root = os.geteuid() == 0 if as_root is None else as_root
        self._modules = list(modules)
        self._process = None
        self._forks = 0
        self._start()

    def fork(self, seconds):
        """Return (Wire, pid inside) of a new process, which may use `seconds` of CPU.

        Raises SandboxError if the sandbox is gone and cannot be started again.
        """
        for _ in range(2):
            ours, theirs = socket.socketpair()
            wire = Wire(ours)
            try:
                deadline = time.monotonic() + START
                self._forks += 1
                order = {"fork": self._forks, "seconds": seconds}
                self._wire.send(order, deadline, fds=[theirs.fileno()])
                theirs.close()
                reply = self._wire.receive(deadline)
                while reply["fork"] != self._forks:  # of an order whose answer nobody waited for
                    reply = self._wire.receive(deadline)
                pid = int(reply["pid"])
                said = wire.receive(deadline)["fault"]  # before any line of a learner's code
                if said is None:
                    return wire, pid
            except (WireError, TimeoutError, KeyError, TypeError, ValueError) as error:
                said = error
            wire.close()
            theirs.close()
            self.close()
            self._start()
        raise SandboxError(f"it does not start processes: {said}")

    def kill(self, pid):
        """End a process, whatever it does."""
        with contextlib.suppress(WireError, TimeoutError):
            self._wire.send({"kill": pid}, time.monotonic() + START)

    def close(self):
        """End everything in the sandbox, at once."""
        self._wire.close()
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _start(self):
        ours, theirs = socket.socketpair()
        self._wire = Wire(ours)
        with theirs, tempfile.TemporaryFile() as said:
            try:
                self._process = self._launch(theirs.fileno(), said)
                theirs.close()
                deadline = time.monotonic() + START
                self._wire.send(self._modules, deadline)
                user = self._wire.receive(deadline)["user"]
                if user == 0:
                    raise OSError("it has no user of its own")
            except (OSError, WireError, KeyError, TypeError) as error:
                self.close()
                said.seek(0)
                words = said.read(4000).decode(errors="replace").strip().splitlines()
                raise SandboxError(words[-1] if words else error) from None

    def _launch(self, channel, said):
        """Start bubblewrap, which lends the descriptor `channel` to the zygote."""
        with tempfile.TemporaryFile() as filters:
            filters.write(filter_for(rank=False))
            filters.seek(0)
            return subprocess.Popen(
                [*command(self._as_root, filters.fileno()), *_zygote(self._as_root, channel)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                pass_fds=[channel, filters.fileno()],
                start_new_session=True,
            )


def own_user(as_root):
    """Return the number of the user that a sandbox of this process belongs to."""
    return 100_000 + os.getpid() if as_root else NOBODY


def command(as_root, filters):
    """Return bubblewrap's command line up to the program; `filters` : descriptor of the filter.

    Raises OSError if it is not installed.
    """
    bwrap = shutil.which("bwrap")
    if platform.system() != "Linux" or bwrap is None:
        raise OSError("bubblewrap is not installed")
    spaces = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]
    if as_root:
        user = [*spaces, "--unshare-cgroup-try", "--cap-drop", "ALL"]
        user += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        user = ["--unshare-all", "--unshare-user", "--uid", str(NOBODY), "--gid", str(NOBODY)]
        user += ["--cap-drop", "ALL"]
    return [
        bwrap,
        *user,
        *["--die-with-parent", "--new-session", "--hostname", "lab", "--clearenv"],
        *_environment(),
        *_files(),
        *["--seccomp", str(filters)],
        *["--chdir", "/tmp", "--"],
    ]


def _zygote(as_root, channel):
    python = f"/python/bin/{Path(PYTHON).name}"
    flags = ["-S", "-s", "-P", "-B", "-X", "utf8"]
    name = "dlpar.labs.sandbox.zygote"
    return [python, *flags, "-m", name, str(channel), str(own_user(as_root))]


def _environment():
    values = {
        "PYTHONPATH": "/book:/site",
        "PYTHONHASHSEED": "0",  # the same submission, the same grade
        "LD_LIBRARY_PATH": "/python/lib",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "HOME": "/tmp",
        "LANG": "C.UTF-8",
    }
    return [word for name, value in values.items() for word in ("--setenv", name, value)]


def _files():
    """Return the options for the file system: Python and its libraries, read-only, and no more."""
    python = Path(PYTHON).resolve()
    shown = [(python, f"/python/bin/{Path(PYTHON).name}")]
    shown += [(Path(sys.base_prefix) / "lib", "/python/lib"), (SITE, "/site")]
    shown += [(PACKAGE, "/book/dlpar")]
    options = []
    for folder in ("/usr", "/python", "/python/bin", "/book", "/dev"):
        options += ["--perms", "0755", "--dir", folder]
    for folder in ("/usr/lib", "/usr/lib64"):
        if Path(folder).is_dir():
            options += ["--ro-bind", folder, folder]
    for link in ("/lib", "/lib64"):
        if Path(link).is_symlink():
            options += ["--symlink", f"usr{link}", link]
        elif Path(link).is_dir():
            options += ["--ro-bind", link, link]
    for source, target in shown:
        options += ["--ro-bind", str(source), target]
    options += ["--dev-bind", "/dev/null", "/dev/null"]
    options += ["--dev-bind", "/dev/urandom", "/dev/urandom"]
    return [*options, "--tmpfs", "/tmp", "--remount-ro", "/tmp", "--remount-ro", "/"]
