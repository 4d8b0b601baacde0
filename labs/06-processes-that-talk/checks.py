"""The checks of lab 6: results against NumPy; messages, calls and virtual time against par."""

import heapq

import numpy as np

from dlpar import simulate
from dlpar.labs import CheckFailure, Task, close, same
from dlpar.world import Network, work

# No message is eager here: a blocking Send waits for its receiver, as large ones do everywhere.
NETWORK = Network(alpha=5e-6, beta=1e-10, eager_limit=0)
LIMIT = 4  # s of wall time for one input, which takes milliseconds
SLACK = 1.001  # on virtual time, which is exact: room for the rounding of sums
LOSS, GRADIENT = 1, 2  # the tags of `report`
COLLECTIVES = {
    "Barrier", "Bcast", "Reduce", "Allreduce", "Gather", "Scatter", "Allgather", "Alltoall",
    "Split",
}  # fmt: skip


# Each of the next five tries one input; the numbers in it are drawn from `rng`.


def report(function, rng, p, n):
    losses, gradients = rng.integers(1, 99, p) / 4, rng.integers(-99, 100, (p, n)).astype(float)

    def program(comm):
        work(comm, seconds=(p - comm.rank) * 20e-6)
        return function(float(losses[comm.rank]), gradients[comm.rank].copy(), comm)

    out = simulated(program, p)
    got = out.results[0]
    if not (isinstance(got, tuple | list) and len(got) == 2):
        raise CheckFailure("rank 0 must return two arrays: `losses, gradients`")
    same(got[0], losses, "losses: rank 0")
    same(got[1], gradients, "gradients: rank 0")
    for rank in range(1, p):
        same(out.results[rank], None, f"rank {rank}, which only reports,")
    no_collectives(out.trace)
    par(out.trace, [0] + [2] * (p - 1))
    sizes = {LOSS: 8, GRADIENT: gradients[0].nbytes}
    for m in out.trace.messages:
        if sizes.get(m.tag) != m.nbytes:
            said = f"rank {m.source} sent {m.nbytes} bytes with tag {m.tag}; "
            raise CheckFailure(said + "a loss has tag LOSS, 1, and a gradient has tag GRADIENT, 2")


def mean_losses(function, rng, counts):
    losses, longest = [rng.integers(1, 99, k) / 4 for k in counts], max(counts)
    steps = [[mine[s] for mine in losses if s < len(mine)] for s in range(longest)]
    out = simulated(lambda comm: function(losses[comm.rank].copy(), comm), len(counts))
    for rank, got in enumerate(out.results):
        close(got, np.array([np.mean(step) for step in steps]), rtol=1e-12, who=f"rank {rank}")
    par(out.trace, [0] * len(counts))
    calls = sum(span.rank == 0 and span.what in COLLECTIVES for span in out.trace.spans)
    if calls > max(2, longest + 1):
        said = f"each rank called {calls} collectives in {longest} steps, par is {longest + 1}"
        raise CheckFailure(f"{said}: one a step, and one more")


def diffuse(function, rng, steps, lengths):
    parts, p = [rng.integers(-99, 100, n).astype(float) for n in lengths], len(lengths)
    mine = [part.copy() for part in parts]
    out = simulated(lambda comm: function(mine[comm.rank], steps, comm), p)
    wanted = np.split(diffused(np.concatenate(parts), steps), np.cumsum(lengths)[:-1])
    for rank, (got, want) in enumerate(zip(out.results, wanted, strict=True)):
        close(got, want, rtol=1e-12, atol=1e-12, who=f"rank {rank}")
    unchanged(mine, parts)
    no_collectives(out.trace)
    for m in out.trace.messages:
        if abs(m.source - m.dest) != 1:
            raise CheckFailure(f"rank {m.source} sent to rank {m.dest}, which is no neighbour")
    par(out.trace, [steps * ((r > 0) + (r < p - 1)) for r in range(p)], nbytes=8)
    message = NETWORK.alpha + 8 * NETWORK.beta
    in_time(out.time, 4 * steps * message, "4 messages' time a step, however many ranks")


def diffused(rod, steps):
    """Return the whole rod after `steps` steps."""
    for _ in range(steps):
        wide = np.pad(rod, 1)
        rod = (wide[:-2] + 2 * wide[1:-1] + wide[2:]) / 4
    return rod


def ring_map(function, rng, p, n, micros):
    blocks, calls, seconds = rng.integers(-99, 100, (p, n)).astype(float), [0] * p, micros * 1e-6
    mine = blocks.copy()

    def program(comm):
        def work_on(block):
            calls[comm.rank] += 1
            work(comm, seconds=seconds)
            return value_of(block)

        return function(mine[comm.rank], comm, work_on)

    out = simulated(program, p)
    for rank, got in enumerate(out.results):
        close(got, np.array([value_of(b) for b in blocks]), rtol=1e-12, who=f"rank {rank}")
        if calls[rank] != p:
            raise CheckFailure(f"rank {rank} called work_on {calls[rank]} times for {p} blocks")
    unchanged(mine, blocks)
    no_collectives(out.trace)
    for m in out.trace.messages:
        if m.dest != (m.source + 1) % p:
            raise CheckFailure(f"rank {m.source} sent to rank {m.dest}, not its right neighbour")
    par(out.trace, [p - 1] * p, nbytes=blocks[0].nbytes)
    message = NETWORK.alpha + blocks[0].nbytes * NETWORK.beta
    in_time(out.time, (p - 1) * max(message, seconds) + seconds, "(p-1) max(M, W) + W")


def value_of(block):
    """Return a number to which every element of `block` adds, each with its own weight."""
    block = np.asarray(block, float)
    return float(block @ np.arange(1.0, block.size + 1)) + 0.5


def farm(function, rng, p, n):
    seconds, solved = rng.integers(200, 600, n) * 1e-6, [0] * n
    if n > 2:
        seconds[rng.integers(n // 2)] = n * 300e-6  # one takes as long as many others

    def program(comm):
        def solve(task):
            if not (isinstance(task, int | float | np.number) and task in range(n)):
                raise CheckFailure(f"solve({task}) was called; the tasks are 0 to {n - 1}")
            solved[int(task)] += 1
            work(comm, seconds=seconds[int(task)])
            return float(task) ** 2 + 0.5

        return function(n, comm, solve)

    out = simulated(program, p)
    close(out.results[0], np.arange(n) ** 2 + 0.5, rtol=1e-12, who="rank 0")
    for task, times in enumerate(solved):
        if times != 1:
            raise CheckFailure(f"task {task} was solved {times} times")
    no_collectives(out.trace)
    sent, most = int(out.trace.messages_sent.sum()), (2 * n + p - 1) * (p > 1)
    if sent > most:
        said = f"{sent} messages were sent, par is {most}"
        raise CheckFailure(f"{said}: a task, a result, and one to each worker at the end")
    in_time(out.time, 1.1 * farm_seconds(seconds, p), "whoever is free gets the next task")


def farm_seconds(seconds, p):
    """Return how long the tasks take if whoever is free gets the next one, messages included."""
    if p == 1:
        return sum(seconds)
    hop = NETWORK.alpha + 8 * NETWORK.beta
    free = [worker * hop for worker in range(1, p)]  # s, when each worker has its first task
    for task in seconds:
        heapq.heapreplace(free, free[0] + task + 2 * hop)
    return max(free) + p * hop


# What they share


def simulated(program, p):
    """Run `program` on `p` ranks of the strict network."""
    return simulate(program, ranks=p, network=NETWORK, timeout=LIMIT)


def par(trace, messages, nbytes=None):
    """Rank r sends `messages[r]` messages, each of `nbytes` bytes if that is given."""
    for rank, (sent, want) in enumerate(zip(trace.messages_sent, messages, strict=True)):
        if sent != want:
            plural = "" if sent == 1 else "s"
            raise CheckFailure(f"rank {rank} sent {sent} message{plural}, par is {want}")
    for m in trace.messages:
        if nbytes is not None and m.nbytes != nbytes:
            said = f"rank {m.source} sent a message of {m.nbytes} bytes, par is {nbytes}"
            raise CheckFailure(said)


def in_time(took, allowed, why):
    """The run took at most `allowed` seconds of virtual time."""
    if not took <= SLACK * allowed:
        said = f"it took {took * 1e6:.1f} µs of virtual time, par is {allowed * 1e6:.1f}: {why}"
        raise CheckFailure(said)


def unchanged(mine, before):
    """The function has not written into its argument."""
    for rank, (now, then) in enumerate(zip(mine, before, strict=True)):
        if not np.array_equal(now, then):
            raise CheckFailure(f"rank {rank}'s own array was changed: work on a copy")


def no_collectives(trace):
    """Nobody has called a collective."""
    for span in trace.spans:
        if span.what in COLLECTIVES:
            said = f"rank {span.rank} called {span.what}; in this task ranks send and receive"
            raise CheckFailure(said)


def on(attempt, words, shapes):
    """Return the check that makes `attempt` on each of `shapes(rng)`, `words` being its words."""

    def check(function, rng):
        for shape in shapes(rng):
            yield words.format(*shape)
            attempt(function, rng, *shape)

    return check


def task(attempt, words, public, held_out, **more):
    """Return the Task of the shapes `public` and those that `held_out(rng)` draws."""
    checks = on(attempt, words, lambda rng: public), on(attempt, words, held_out)
    return Task(attempt.__name__, *checks, **more)


def whole(rng, low, high, count=None):
    """Draw a plain int from low to high - 1, or a tuple of `count`."""
    if count is None:
        return int(rng.integers(low, high))
    return tuple(int(k) for k in rng.integers(low, high, count))


# What a notebook shows after success


def drawn(program):
    from dlpar.figures import space_time

    return space_time(simulate(program, ranks=4, timeout=LIMIT).trace)


def draw_diffuse(function):
    return drawn(lambda comm: function(np.ones(8), 3, comm))


def draw_ring_map(function):
    def program(comm):
        def work_on(block):
            work(comm, seconds=30e-6)
            return float(block.sum())

        return function(np.ones(20_000), comm, work_on)

    return drawn(program)


def draw_farm(function):
    seconds = [150e-6, 30e-6, 50e-6, 20e-6, 40e-6, 30e-6, 20e-6]

    def program(comm):
        def solve(task):
            work(comm, seconds=seconds[int(task)])
            return 0.0

        return function(len(seconds), comm, solve)

    return drawn(program)


TASKS = (
    task(
        report,
        "p={0}, n={1}, the last rank reports first",
        public=[(2, 3), (4, 2), (3, 1), (1, 2), (4, 0), (5, 7)],
        held_out=lambda rng: [(p, whole(rng, 0, 9)) for p in (2, 3, 6)],
        points=2,
        par="2 messages a worker",
    ),
    task(
        mean_losses,
        "the ranks have {0} losses",
        public=[(k,) for k in [(3, 3), (4, 2), (1, 0, 3), (5,), (0, 0), (2, 4, 3, 0, 4)]],
        held_out=lambda rng: [(whole(rng, 0, 7, p),) for p in (2, 3, 5)],
        points=2,
        par="one collective a step, and one more",
    ),
    task(
        diffuse,
        "steps={0}, parts of {1} elements",
        public=[(1, (4, 4)), (3, (5, 3, 4)), (2, (7,)), (2, (1, 1, 1, 1)), (0, (3, 2)),
                (4, (2, 1, 5, 3, 1, 1, 2, 4))],
        held_out=lambda rng: [(whole(rng, 1, 6), whole(rng, 1, 9, p)) for p in (2, 4, 7)],
        points=3,
        par="one message of 8 bytes to each neighbour a step",
        show=draw_diffuse,
    ),
    task(
        ring_map,
        "p={0}, n={1}, {2} µs of work a block",
        public=[(2, 3, 20), (3, 1000, 8), (4, 5, 0), (1, 4, 10), (3, 0, 10), (5, 20_001, 3)],
        held_out=lambda rng: [(p, whole(rng, 1, 3000), whole(rng, 1, 40)) for p in (2, 4, 7)],
        points=3,
        par="p-1 messages a rank, in (p-1) max(M, W) + W of virtual time",
        show=draw_ring_map,
    ),
    task(
        farm,
        "p={0}, {1} tasks",
        public=[(3, 6), (4, 11), (2, 3), (1, 4), (5, 2), (3, 0), (6, 25)],
        held_out=lambda rng: [(p, whole(rng, 3, 20)) for p in (2, 4, 6)],
        points=4,
        par="2n + p-1 messages, and nobody idle while there is a task",
        show=draw_farm,
    ),
)  # fmt: skip
