"""The checks of lab 7. Results are held against NumPy, messages and bytes against the par."""

import numpy as np

from dlpar import simulate
from dlpar.labs import CheckFailure, Task, same
from dlpar.world import Network

# No message is eager here: a blocking Send waits for its receiver, as large ones do everywhere.
NETWORK = Network(eager_limit=0)
LIMIT = 4  # s of wall time for one input, which takes milliseconds
SIZES = [(1, 3), (2, 4), (3, 6), (3, 7), (3, 2), (3, 0), (4, 3), (5, 20), (8, 19)]  # p, n


def public(rng):
    """Yield (words, x): one row a rank, of numbers whose sums are exact in any order."""
    for p, n in SIZES:
        yield f"p={p}, n={n}", rng.integers(-99, 100, (p, n)).astype(float)
    yield "p=3, n=4, int64 beyond the floats", 2**60 + rng.integers(0, 9, (3, 4))


def held_out(rng):
    """Yield inputs of the same kinds, of sizes that nobody knows beforehand.

    Four different p of six, and n beyond those in public: whoever learnt the public sizes by
    heart, or only p > 4, meets a stranger at every seed.
    """
    for p in rng.choice(range(2, 8), 4, replace=False):
        n = int(rng.integers(8, 40))
        yield f"p={p}, n={n}", rng.integers(-99, 100, (p, n)).astype(float)
    yield "p=4, int64 beyond the floats", 2**60 + rng.integers(0, 9, (4, int(rng.integers(1, 9))))


def ring_pass(inputs):
    def check(function, rng):
        for words, x in inputs(rng):
            yield words
            p = len(x)
            trace = run_on(function, x, wanted=[x] * p)
            to_the_right(trace)
            par(trace, p - 1, {x[0].nbytes})

    return check


def reduce_scatter(inputs):
    def check(function, rng):
        for words, x in inputs(rng):
            yield words
            p = len(x)
            trace = run_on(function, x, wanted=np.array_split(x.sum(axis=0), p))
            to_the_right(trace)
            par(trace, p - 1, chunk_nbytes(x))

    return check


def ring_allreduce(inputs):
    def check(function, rng):
        for words, x in inputs(rng):
            yield words
            p = len(x)
            trace = run_on(function, x, wanted=[x.sum(axis=0)] * p)
            to_the_right(trace)
            par(trace, 2 * (p - 1), chunk_nbytes(x))
        yield "p=5, n=9, numbers whose sums round"
        x = rng.normal(size=(5, 9))
        out = simulate(lambda comm: function(x[comm.rank].copy(), comm), ranks=5, timeout=LIMIT)
        for rank, got in enumerate(out.results):
            if got.tobytes() != out.results[0].tobytes():
                raise CheckFailure(f"rank {rank}'s sum differs from rank 0's in the last bits")

    return check


def picture(function):
    """Return the space-time diagram of the learner's own run on five ranks."""
    from dlpar.figures import space_time

    out = simulate(lambda comm: function(np.ones(1000), comm), ranks=5, timeout=LIMIT)
    return space_time(out.trace)


TASKS = (
    Task(
        "ring_pass",
        ring_pass(public),
        ring_pass(held_out),
        points=2,
        par="p-1 messages a rank, one vector each",
        show=picture,
    ),
    Task(
        "reduce_scatter",
        reduce_scatter(public),
        reduce_scatter(held_out),
        points=3,
        par="p-1 messages a rank, one chunk each",
        show=picture,
    ),
    Task(
        "ring_allreduce",
        ring_allreduce(public),
        ring_allreduce(held_out),
        points=3,
        par="2(p-1) messages a rank, one chunk each. Nobody can send less",
        show=picture,
    ),
)


def run_on(function, x, wanted):
    """Simulate `function(x[r], comm)` on each rank r; hold results and x against the promise."""
    mine = [row.copy() for row in x]

    def program(comm):
        return function(mine[comm.rank], comm)

    out = simulate(program, ranks=len(x), network=NETWORK, timeout=LIMIT)
    for rank, (got, want) in enumerate(zip(out.results, wanted, strict=True)):
        same(got, want, f"rank {rank}")
        if not np.array_equal(mine[rank], x[rank]):
            raise CheckFailure(f"rank {rank}'s x was changed: add in a copy")
    no_collectives(out.trace)
    return out.trace


def no_collectives(trace):
    """Nobody has called one of MPI's own, whose messages nobody counts."""
    for span in trace.spans:
        if span.what not in ("Send", "Recv", "Sendrecv", "Wait", "Probe", "work"):
            said = f"rank {span.rank} called {span.what}; in these tasks ranks send and receive"
            raise CheckFailure(said)


def to_the_right(trace):
    """Every message goes to the sender's right neighbour."""
    for m in trace.messages:
        if m.dest != (m.source + 1) % trace.size:
            right = (m.source + 1) % trace.size
            said = f"rank {m.source} sent to rank {m.dest}; in a ring it sends to rank {right} only"
            raise CheckFailure(said)


def par(trace, messages, sizes):
    """Each rank sends `messages` messages, each of one of `sizes` bytes."""
    for rank, sent in enumerate(trace.messages_sent):
        if sent != messages:
            plural = "" if sent == 1 else "s"
            raise CheckFailure(f"rank {rank} sent {sent} message{plural}, par is {messages}")
    for m in trace.messages:
        if m.nbytes not in sizes:
            allowed = " or ".join(map(str, sorted(sizes)))
            said = f"rank {m.source} sent a message of {m.nbytes} bytes, par is {allowed}"
            raise CheckFailure(said)


def chunk_nbytes(x):
    """Return the sizes in bytes that a chunk of one row of `x` may have."""
    return {chunk.nbytes for chunk in np.array_split(x[0], len(x))}
