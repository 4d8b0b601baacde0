"""The checks of lab 6: results against NumPy; messages, calls and virtual time against par."""

import heapq

import numpy as np

from dlpar import simulate
from dlpar.labs import CheckFailure, Task, close, same
from dlpar.world import Network, work

# A blocking Send waits for its receiver on the first, as large ones do everywhere, and not on the
# second. What a program gives, sends and takes must not depend on it.
STRICT, EAGER = (Network(alpha=5e-6, beta=1e-10, eager_limit=limit) for limit in (0, np.inf))
LIMIT = 4  # s of wall time for one input, which takes milliseconds
SLACK = 1.001  # on virtual time, which is exact: room for the rounding of sums
LOSS, GRADIENT = 1, 2  # the tags of `report`
COLLECTIVES = {
    "Barrier", "Bcast", "Reduce", "Allreduce", "Gather", "Scatter", "Allgather", "Alltoall",
    "Split",
}  # fmt: skip


# Each of the next nine tries one input; the numbers in it are drawn from `rng`.


def report(function, rng, network, p, n):
    losses, gradients = rng.integers(1, 99, p) / 4, rng.integers(-99, 100, (p, n)).astype(float)

    def program(comm):
        work(comm, seconds=(p - comm.rank) * 20e-6)
        return function(float(losses[comm.rank]), gradients[comm.rank].copy(), comm)

    out = simulated(program, p, network)
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


def rotate(function, rng, network, p, k, n):
    arrays = rng.integers(-99, 100, (p, n)).astype(float)
    mine = arrays.copy()
    out = simulated(lambda comm: function(mine[comm.rank], k, comm), p, network)
    for rank, got in enumerate(out.results):
        same(got, arrays[(rank - k) % p], f"rank {rank}")
    unchanged(mine, arrays)
    no_collectives(out.trace)
    moves = int(k % p != 0)
    par(out.trace, [moves] * p, nbytes=arrays[0].nbytes)
    message = STRICT.alpha + arrays[0].nbytes * STRICT.beta
    in_time(out.time, moves * message, "all arrays travel at the same time")


def mean_losses(function, rng, network, counts):
    losses, longest = [rng.integers(1, 99, k) / 4 for k in counts], max(counts)
    steps = [[mine[s] for mine in losses if s < len(mine)] for s in range(longest)]
    p = len(counts)
    out = simulated(lambda comm: function(losses[comm.rank].copy(), comm), p, network)
    for rank, got in enumerate(out.results):
        close(got, np.array([np.mean(step) for step in steps]), rtol=1e-12, who=f"rank {rank}")
    par(out.trace, [0] * p)
    calls = sum(span.rank == 0 and span.what in COLLECTIVES for span in out.trace.spans)
    if calls > max(2, longest + 1):
        said = f"each rank called {calls} collectives in {longest} steps, par is {longest + 1}"
        raise CheckFailure(f"{said}: one a step, and one more")


def sums(function, rng, network, p, lengths):
    names = [f"layer{i}" for i in range(len(lengths))]
    brought = [[rng.integers(-99, 100, n).astype(float) for n in lengths] for _ in range(p)]
    orders = [np.arange(len(names))[:: 1 - 2 * (r % 2)] for r in range(p)]  # two always cross
    orders = [order if r < 2 else rng.permutation(order) for r, order in enumerate(orders)]
    mine = [
        {names[i]: arrays[i].copy() for i in order}
        for arrays, order in zip(brought, orders, strict=True)
    ]
    out = simulated(lambda comm: function(mine[comm.rank], comm), p, network)
    for rank, got in enumerate(out.results):
        if not isinstance(got, dict):
            raise CheckFailure(f"rank {rank} must return a dict, name to sum")
        same(sorted(map(str, got)), names[rank::p], f"the names of its sums: rank {rank}")
        for i in range(rank, len(names), p):
            same(got[names[i]], sum(arrays[i] for arrays in brought), f"{names[i]}: rank {rank}")
    for rank in range(p):
        unchanged([mine[rank][name] for name in names], brought[rank], [rank] * len(names))
    par(out.trace, [0] * p)
    calls = [span for span in out.trace.spans if span.what in COLLECTIVES]
    for span in calls:
        if span.what != "Reduce":
            said = f"rank {span.rank} called {span.what}"
            raise CheckFailure(f"{said}; a sum goes to its owner alone, by Reduce")
    most = sum(span.rank == 0 for span in calls)
    if most > len(names):
        raise CheckFailure(f"each rank called Reduce {most} times, par is {len(names)}")


def diffuse(function, rng, network, steps, lengths):
    parts, p = [rng.integers(-99, 100, n).astype(float) for n in lengths], len(lengths)
    mine = [part.copy() for part in parts]
    out = simulated(lambda comm: function(mine[comm.rank], steps, comm), p, network)
    wanted = np.split(diffused(np.concatenate(parts), steps), np.cumsum(lengths)[:-1])
    for rank, (got, want) in enumerate(zip(out.results, wanted, strict=True)):
        close(got, want, rtol=1e-12, atol=1e-12, who=f"rank {rank}")
    unchanged(mine, parts)
    no_collectives(out.trace)
    for m in out.trace.messages:
        if abs(m.source - m.dest) != 1:
            raise CheckFailure(f"rank {m.source} sent to rank {m.dest}, which is no neighbour")
    par(out.trace, [steps * ((r > 0) + (r < p - 1)) for r in range(p)], nbytes=8)
    message = STRICT.alpha + 8 * STRICT.beta
    in_time(out.time, 4 * steps * message, "4 messages' time a step, however many ranks")


def diffused(rod, steps):
    """Return the whole rod after `steps` steps."""
    for _ in range(steps):
        wide = np.pad(rod, 1)
        rod = (wide[:-2] + 2 * wide[1:-1] + wide[2:]) / 4
    return rod


def serve(function, rng, network, steps, micros):
    p, first = len(steps), rng.integers(-99, 100, len(steps) + 2).astype(float)
    pushes = [rng.integers(-9, 10, first.size).astype(float) for _ in range(sum(steps))]
    for rank, push in zip(np.repeat(range(p), steps), pushes, strict=True):
        push[:p] = np.arange(p) == rank  # so w[rank] counts the steps of rank that w knows
    mine = [first.copy() for _ in steps]
    queues = [pushes[sum(steps[:r]) : sum(steps[: r + 1])] for r in range(p)]

    def program(comm):
        r, taken = comm.rank, 0

        def gradient(w):
            nonlocal taken
            if taken == steps[r]:
                raise CheckFailure(f"rank {r} took more than its {steps[r]} steps")
            if not (isinstance(w, np.ndarray) and w.shape == first.shape):
                raise CheckFailure(f"rank {r} must call gradient with the weights, {first.shape}")
            if first[r] - w[r] != taken:
                said = f"rank {r}, step {taken + 1}: its weights know of {first[r] - w[r]:g}"
                raise CheckFailure(f"{said} of its own earlier steps, not of {taken}")
            taken += 1
            work(comm, seconds=micros * 1e-6 * (1 + r))
            return queues[r][taken - 1].copy()

        result = function(mine[r], steps[r], comm, gradient)
        if taken < steps[r]:
            raise CheckFailure(f"rank {r} took {taken} of its {steps[r]} steps")
        return result

    out = simulated(program, p, network)
    same(out.results[0], first - sum(pushes), "rank 0")
    for rank in range(1, p):
        same(out.results[rank], None, f"rank {rank}, a worker,")
    unchanged(mine, [first] * p)
    no_collectives(out.trace)
    par(out.trace, [sum(steps)] + [k + 1 for k in steps[1:]])
    hop = STRICT.alpha + first.nbytes * STRICT.beta
    alone = max(k * micros * 1e-6 * (1 + r) for r, k in enumerate(steps))
    in_time(out.time, alone + (2 * sum(steps) + p) * hop, "no worker waits for another's work")


def ring_map(function, rng, network, p, n, micros):
    blocks, calls, seconds = rng.integers(-99, 100, (p, n)).astype(float), [0] * p, micros * 1e-6
    mine = blocks.copy()

    def program(comm):
        def work_on(block):
            calls[comm.rank] += 1
            work(comm, seconds=seconds)
            return value_of(block)

        return function(mine[comm.rank], comm, work_on)

    out = simulated(program, p, network)
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
    message = STRICT.alpha + blocks[0].nbytes * STRICT.beta
    in_time(out.time, (p - 1) * max(message, seconds) + seconds, "(p-1) max(M, W) + W")


def diffuse_hidden(function, rng, network, p, n, steps, micros):
    parts, seconds = rng.integers(-99, 100, (p, n)).astype(float), micros * 1e-6
    mine, updated = parts.copy(), [0] * p

    def program(comm):
        def update(stretch):
            if not (isinstance(stretch, np.ndarray) and stretch.ndim == 1 and stretch.size > 2):
                raise CheckFailure(f"rank {comm.rank}: update needs an array of 3 or more numbers")
            updated[comm.rank] += stretch.size - 2
            work(comm, seconds=seconds * (stretch.size - 2))
            return (stretch[:-2] + 2 * stretch[1:-1] + stretch[2:]) / 4

        return function(mine[comm.rank], steps, comm, update)

    out = simulated(program, p, network)
    wanted = np.split(diffused(parts.ravel(), steps), p)
    for rank, (got, want) in enumerate(zip(out.results, wanted, strict=True)):
        close(got, want, rtol=1e-12, atol=1e-12, who=f"rank {rank}")
        if updated[rank] != n * steps:
            said = f"rank {rank} updated {updated[rank]} elements in all"
            raise CheckFailure(f"{said}, par is {n * steps}: each once a step")
    unchanged(mine, parts)
    no_collectives(out.trace)
    par(out.trace, [steps * ((r > 0) + (r < p - 1)) for r in range(p)], nbytes=8)
    halos = (p > 1) * (STRICT.alpha + 2 * 8 * STRICT.beta)  # two come over one link
    step = max(halos, (n - 2) * seconds) + min(n, 2) * seconds
    in_time(out.time, steps * step, "max(M, (n-2) w) + 2 w a step")


def value_of(block):
    """Return a number to which every element of `block` adds, each with its own weight."""
    block = np.asarray(block, float)
    return float(block @ np.arange(1.0, block.size + 1)) + 0.5


def farm(function, rng, network, p, n):
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

    out = simulated(program, p, network)
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
    hop = STRICT.alpha + 8 * STRICT.beta
    free = [worker * hop for worker in range(1, p)]  # s, when each worker has its first task
    for task in seconds:
        heapq.heapreplace(free, free[0] + task + 2 * hop)
    return max(free) + p * hop


# What they share


def simulated(program, p, network):
    """Run `program` on `p` ranks."""
    return simulate(program, ranks=p, network=network, timeout=LIMIT)


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


def unchanged(mine, before, ranks=None):
    """The function has not written into its argument."""
    ranks = range(len(mine)) if ranks is None else ranks
    for rank, now, then in zip(ranks, mine, before, strict=True):
        if not np.array_equal(now, then):
            raise CheckFailure(f"rank {rank}'s own array was changed: work on a copy")


def no_collectives(trace):
    """Nobody has called a collective."""
    for span in trace.spans:
        if span.what in COLLECTIVES:
            said = f"rank {span.rank} called {span.what}; in this task ranks send and receive"
            raise CheckFailure(said)


def on(attempt, words, shapes):
    """Return the check that makes `attempt` on each of `shapes(rng)`, `words` being its words.

    All shapes on the strict network come first: what fails there is what a learner should read.
    """

    def check(function, rng):
        drawn = shapes(rng)
        for network, where in ((STRICT, ""), (EAGER, ", all messages eager")):
            for shape in drawn:
                yield words.format(*shape) + where
                attempt(function, rng, network, *shape)

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


def draw_rotate(function):
    return drawn(lambda comm: function(np.ones(1000), 1, comm))


def draw_serve(function):
    def program(comm):
        def gradient(w):
            work(comm, seconds=[0, 20e-6, 35e-6, 60e-6][comm.rank])
            return w / 2

        return function(np.ones(4), [0, 4, 2, 1][comm.rank], comm, gradient)

    return drawn(program)


def draw_diffuse(function):
    return drawn(lambda comm: function(np.ones(8), 3, comm))


def draw_ring_map(function):
    def program(comm):
        def work_on(block):
            work(comm, seconds=30e-6)
            return float(block.sum())

        return function(np.ones(20_000), comm, work_on)

    return drawn(program)


def draw_diffuse_hidden(function):
    def program(comm):
        def update(stretch):
            work(comm, seconds=1e-6 * (stretch.size - 2))
            return stretch[1:-1]

        return function(np.ones(12), 3, comm, update)

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
        rotate,
        "p={0}, k={1}, n={2}",
        public=[(4, 2, 3), (5, 1, 1000), (3, -1, 2), (1, 1, 4), (4, 7, 1), (3, 3, 2),
                (6, 3, 20_000)],
        held_out=lambda rng: [
            (p, k + whole(rng, -2, 3) * p, whole(rng, 1, 40))
            for p, k in ((2, 1), (6, 4), (7, 3), (9, 6), (5, 0))
        ],
        points=2,
        par="one message a rank, and the time of one",
        show=draw_rotate,
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
        sums,
        "p={0}, gradients of {1} numbers",
        public=[(2, (3, 3)), (3, (4, 2, 4, 1)), (4, (2, 5)), (1, (3, 1)), (2, ()), (3, (2,) * 7)],
        held_out=lambda rng: [(p, whole(rng, 1, 4, 6)) for p in (2, 3, 5)],
        points=2,
        par="one Reduce a gradient",
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
        serve,
        "the ranks take {0} steps",
        public=[((0, 2, 2), 100), ((0, 3, 1, 0), 200), ((0, 4), 50), ((0,), 10), ((0, 0, 0), 10),
                ((0, 1, 0, 5, 2, 3), 300)],
        held_out=lambda rng: [((0, *whole(rng, 0, 6, p)), whole(rng, 100, 400)) for p in (2, 3, 5)],
        points=3,
        par="2 messages a step, and one from each worker",
        show=draw_serve,
    ),
    task(
        ring_map,
        "p={0}, n={1}, {2} µs of work a block",
        public=[(2, 3, 20), (3, 1000, 8), (4, 5, 0), (1, 4, 10), (3, 0, 10), (5, 5001, 3)],
        held_out=lambda rng: [(p, whole(rng, 1, 3000), whole(rng, 1, 40)) for p in (2, 4, 7)],
        points=3,
        par="p-1 messages a rank, in (p-1) max(M, W) + W of virtual time",
        show=draw_ring_map,
    ),
    task(
        diffuse_hidden,
        "p={0}, n={1}, {2} steps, {3} µs an element",
        public=[(3, 10, 3, 1), (2, 6, 2, 4), (4, 8, 3, 0), (1, 5, 2, 2), (3, 1, 3, 2), (4, 2, 2, 3),
                (2, 3, 0, 1), (3, 3, 2, 9)],
        held_out=lambda rng: [
            (p, n, whole(rng, 1, 6), whole(rng, 1, 9))
            for p, n in ((2, 20), (5, 7), (6, 1), (3, whole(rng, 3, 12)))
        ],
        points=3,
        par="the longer of halos and inner work, and the edges, a step",
        show=draw_diffuse_hidden,
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
