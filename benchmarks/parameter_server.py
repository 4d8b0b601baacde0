"""A synchronous parameter server, 1 server and 3 workers: ours beside Ray's example and Gloo.

A clock is: every worker reads the weights, computes its gradient (one pass over memory: weights
times a number), and hands it to the server, which adds the three up and makes an SGD step. A sample
is the mean of some clocks, since Ray's loop does not wait in between. Contenders take turns,
block by block, on the same machine. "messages" is `serve` and `Client`; "shared" is `serve_shared`
and `SharedClient`; "Gloo" sends and receives tensors with torch.distributed, in our processes.

Ray has an environment of its own: DLPAR_RAY_PYTHON names the Python that can import it (made by
python -m venv FOLDER && FOLDER/bin/pip install ray==2.60.0). Without it Ray is left out, unless
this Python has it; so is Gloo without PyTorch.

Run with: DLPAR_RAY_PYTHON=FOLDER/bin/python python benchmarks/parameter_server.py
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import psutil

from dlpar import run
from dlpar.rulers import nbytes, wall_of

WORKERS, BLOCKS = 3, 2
SAMPLES = {  # bytes: samples of a block, clocks of a sample
    1_000_000: (12, 4), 4_000_000: (8, 4), 16_000_000: (4, 3), 64_000_000: (3, 2),
}  # fmt: skip
RATE, SLOPE = 0.125, 0.25  # of the SGD step; gradient = SLOPE * weights
MESSAGES, SHARED, GLOO, RAY = "messages", "shared", "Gloo", "Ray"
BARS = {  # times as fast as whom, by size
    RAY: dict(zip(SAMPLES, (5, 5, 3, 2), strict=True)),
    GLOO: dict.fromkeys(SAMPLES, 2),
}
LIMIT = 60  # s for one block, on a machine however busy


def by_messages(comm, n, clocks):
    """Return when this worker had the weights of each clock, s; the final weights on the server."""
    from dlpar.parameter_server import Client, even_shards, serve

    weights = np.ones(n, np.float32)
    workers = range(1, comm.size)
    if comm.rank == 0:
        serve(comm, weights, workers, 0, sgd(weights))
        return weights
    client = Client(comm, even_shards(n, 1), workers, np.float32)
    return stamps(client, clocks, weights, np.empty_like(weights))


def by_memory(comm, n, clocks):
    """The same with gradients and weights in shared memory."""
    from dlpar.collectives import SharedVectors
    from dlpar.parameter_server import SharedClient, serve_shared

    shared = SharedVectors(comm, n, np.float32)
    workers = range(1, comm.size)
    if comm.rank == 0:
        shared.mine[:] = 1
        serve_shared(comm, shared, workers, sgd(shared.mine))
        return shared.mine.copy()
    client = SharedClient(comm, shared, 0, workers)
    return stamps(client, clocks, client.weights, client.grads)


def sgd(weights):
    from dlpar.optim import SGD

    rule = SGD(weights)
    return lambda gradient: rule.step(gradient, RATE)


def stamps(client, clocks, weights, grads):
    when = []
    for _ in range(clocks):
        client.pull(weights)
        when.append(time.perf_counter())
        np.multiply(weights, np.float32(SLOPE), out=grads)
        client.push(grads)
    client.pull(weights)
    when.append(time.perf_counter())
    client.done()
    return when


def by_gloo(comm, n, clocks):
    """The same with torch.distributed's isend and irecv."""
    import torch
    import torch.distributed as dist

    weights = torch.ones(n)
    if comm.rank:
        grads, when = torch.empty(n), []
        for clock in range(1 + clocks):
            dist.recv(weights, 0)
            when.append(time.perf_counter())
            if clock < clocks:
                torch.mul(weights, SLOPE, out=grads)
                dist.send(grads, 0)
        return when
    inbox = [torch.empty(n) for _ in range(1, comm.size)]
    for clock in range(1 + clocks):
        sends = [dist.isend(weights, worker) for worker in range(1, comm.size)]
        for one in sends:
            one.wait()
        if clock < clocks:
            receipts = [dist.irecv(box, worker) for worker, box in enumerate(inbox, 1)]
            for one in receipts:
                one.wait()
            for box in inbox:
                weights.add_(box, alpha=-RATE)
    return weights.numpy()


def measure(comm, contenders, n, clocks, folder):
    """Return {name: what this rank brings home}; `folder` is where Gloo's processes meet, or None.

    `contenders` : {name: function of (comm, n, clocks)}.
    """
    home = {}
    if folder is not None:
        start_gloo(comm, folder)
    for name, contender in contenders.items():
        comm.Barrier()
        result = contender(comm, n, clocks)
        if comm.rank == 0:
            wanted = (1 - RATE * SLOPE * (comm.size - 1)) ** clocks
            if not np.allclose(result, wanted, rtol=1e-3):
                raise ArithmeticError(f"{name}: weights are {result[:3]}, wanted {wanted}")
            result = None
        home[name] = result
    if folder is not None:
        import torch

        torch.distributed.destroy_process_group()
    return home


def start_gloo(comm, folder):
    from datetime import timedelta

    import torch

    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo",
        init_method=f"file://{folder}/gloo",
        rank=comm.rank,
        world_size=comm.size,
        timeout=timedelta(seconds=LIMIT),
    )


def block(size, gloo):
    """Return {name: seconds a clock of each sample} of our contenders, and of Gloo."""
    contenders = {MESSAGES: by_messages, SHARED: by_memory} | ({GLOO: by_gloo} if gloo else {})
    samples, clocks = SAMPLES[size]
    with tempfile.TemporaryDirectory() as folder:
        args = contenders, size // 4, (1 + samples) * clocks, folder if gloo else None
        results = run(measure, 1 + WORKERS, args, timeout=LIMIT).results
    times = {}
    for name in contenders:
        when = np.max([home[name] for home in results[1:]], axis=0)  # the last worker's; one clock
        times[name] = (np.diff(when[::clocks]) / clocks)[1:]
    return times


@contextmanager
def ray_server():
    """Yield (Ray's version, function of (size) -> seconds a clock of each sample), or None.

    Ray runs in a process of its own, with its files in a folder that goes with it.
    """
    python = os.environ.get("DLPAR_RAY_PYTHON", sys.executable)
    if python == sys.executable and importlib.util.find_spec("ray") is None:
        print("Ray is left out: DLPAR_RAY_PYTHON does not name a Python that can import it.")
        yield None
        return
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:
        child = subprocess.Popen(
            [python, Path(__file__).with_name("ray_server.py"), folder, str(WORKERS)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env=environment,
        )  # fmt: skip
        try:
            version = answer(child)

            def times(size):
                print(json.dumps([size // 4, *SAMPLES[size]]), file=child.stdin)
                child.stdin.flush()
                return answer(child)

            yield version, times
        finally:
            end(child)


def answer(child):
    """Return what the next line "times: ..." of the child says; it has LIMIT s."""
    late = threading.Timer(LIMIT, child.kill)
    late.start()
    try:
        for line in child.stdout:
            if line.startswith("times:"):
                return json.loads(line.removeprefix("times:"))
    finally:
        late.cancel()
    raise RuntimeError("Ray's process has ended, or was too slow")


def end(child):
    """Let the child shut Ray down; then end, by their ids, those of its processes that are left."""
    family = psutil.Process(child.pid).children(recursive=True) if child.poll() is None else []
    child.stdin.close()
    try:
        child.wait(LIMIT / 2)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    child.stdout.close()
    _, left = psutil.wait_procs(family, timeout=5)
    for process in left:
        process.kill()
    psutil.wait_procs(left, timeout=5)


def compare(gloo, ray):
    """Return {size: {name: Wall}}, of all blocks."""
    walls = {}
    for size in SAMPLES:
        times = {}
        for _ in range(BLOCKS):
            found = block(size, gloo)
            if ray is not None:
                found[RAY] = ray[1](size)
            for name, some in found.items():
                times.setdefault(name, []).extend(some)
        walls[size] = {name: wall_of(some) for name, some in times.items()}
    return walls


def show(walls):
    """Print the medians and quartiles, and how many times as long as in shared memory it took."""
    print(f"{'':9} {'':9} {'a clock: median (quartiles), ms':>34} {'it / shared':>12}")
    for size, row in walls.items():
        for name, wall in row.items():
            q1, middle, q3 = (t * 1e3 for t in (wall.q1, wall.median, wall.q3))
            times = f"{middle:,.2f} ({q1:,.2f} to {q3:,.2f})"
            print(
                f"{nbytes(size):>9} {name:9} {times:>34} {wall.median / row[SHARED].median:12.2f}"
            )


def judge(walls):
    """Print each bar, what was measured, and whether it is met."""
    print()
    for peer, bars in BARS.items():
        for size, bar in bars.items():
            row = walls[size]
            if peer not in row:
                print(f"{'no test':8}shared faster than {peer}, {nbytes(size)}: {peer} is missing")
                continue
            ratio = row[peer].median / row[SHARED].median
            verdict = "met" if ratio >= bar else "NOT MET"
            print(f"{verdict:8}shared faster than {peer}, {nbytes(size)}: ", end="")
            print(f"{ratio:.2f}, at least {bar} wanted", end="; ")
            print(f"messages: {row[peer].median / row[MESSAGES].median:.2f}")


def main():
    gloo = importlib.util.find_spec("torch") is not None
    if not gloo:
        print("PyTorch is missing, so Gloo is left out: pip install -e '.[peers]'")
    start = time.monotonic()
    with ExitStack() as stack:
        ray = stack.enter_context(ray_server())
        walls = compare(gloo, ray)
    print(f"1 server, {WORKERS} workers, float32, {os.cpu_count()} cores; ", end="")
    print(f"load {os.getloadavg()[1]:.1f} over 5 minutes; {time.monotonic() - start:.0f} s in all")
    if ray is not None:
        print(f"Ray {ray[0]}")
    show(walls)
    judge(walls)


if __name__ == "__main__":
    main()
