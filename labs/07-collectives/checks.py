"""The checks of lab 7. Results are held against NumPy, messages and bytes against the par."""

import numpy as np

from dlpar import simulate
from dlpar.collectives import rabenseifner_allreduce, recursive_doubling_allreduce
from dlpar.collectives import ring_allreduce as package_ring
from dlpar.labs import CheckFailure, Task, close, same
from dlpar.world import Network
from dlpar.world.presets import ETHERNET_100, RDMA, fat_tree

# No message is eager here: a blocking Send waits for its receiver, as large ones do everywhere.
NETWORK = Network(eager_limit=0)
LIMIT = 4  # s of wall time for one input, which takes milliseconds
SLACK = 1.001  # on virtual time, which is exact: room for the rounding of sums
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
        alike(function, rng.normal(size=(5, 9)))

    return check


# Halving and doubling: counts for every p, virtual time where the halves are halves

HALVED = [(1, 3), (2, 4), (4, 8), (4, 7), (8, 4000), (4, 0), (3, 4), (5, 9), (6, 2000), (7, 12)]


def public_halved(rng):
    for p, n in HALVED:
        yield f"p={p}, n={n}", rng.integers(-99, 100, (p, n)).astype(float)
    yield "p=4, n=6, int64 beyond the floats", 2**60 + rng.integers(0, 9, (4, 6))


def held_out_halved(rng):
    """Yield two p that are powers of two, and three that are not, of lengths even and odd."""
    for p in (4, *rng.permutation([3, 5, 6, 7])[:3]):
        n = int(rng.integers(3, 60)) * 4 + int(rng.integers(0, 2))
        yield f"p={p}, n={n}", rng.integers(-99, 100, (p, n)).astype(float)
    n = 8 * int(rng.integers(200, 400))
    yield f"p=8, n={n}", rng.integers(-99, 100, (8, n)).astype(float)


def halving_doubling(inputs):
    def check(function, rng):
        for words, x in inputs(rng):
            yield words
            (p, n), nbytes = x.shape, x[0].nbytes
            out = outcome_of(function, x, wanted=[x.sum(axis=0)] * p)
            q = 1 << (p.bit_length() - 1)
            steps, folded = q.bit_length() - 1, q < p
            for rank, sent in enumerate(out.trace.messages_sent):
                if sent > 2 * steps + folded:
                    par = f"{2 * steps} and one for the fold" if folded else 2 * steps
                    raise CheckFailure(f"rank {rank} sent {sent} messages, par is {par}")
            sent = int(out.trace.bytes_sent.sum())
            if sent > 2 * (p - 1) * nbytes:
                par = f"par is {2 * (p - 1) * nbytes}: 2(p-1) vectors"
                raise CheckFailure(f"all ranks together sent {sent} bytes, {par}")
            if n % q == 0:
                message = 2 * folded * (NETWORK.alpha + nbytes * NETWORK.beta)
                moved = 2 * (q - 1) / q * nbytes * NETWORK.beta
                in_time(out.time, 2 * steps * NETWORK.alpha + moved + message)
        yield "p=6, n=9, numbers whose sums round"
        alike(function, rng.normal(size=(6, 9)))

    return check


# Two racks: bytes over the slow links, and virtual time


def public_racks(rng):
    for g, n, thin in [(2, 6, 4), (1, 5, 2), (2, 20_000, 4), (3, 7, 6), (3, 0, 6), (4, 20_000, 8)]:
        yield rack_input(rng, g, n, thin)


def held_out_racks(rng):
    for g in (2, 3, 4):
        n, thin = int(rng.integers(5_000, 30_000)), g * int(rng.integers(2, 5))
        yield rack_input(rng, g, n, thin)


def rack_input(rng, g, n, thin):
    words = f"two racks of {g}, links between them {thin} times oversubscribed, n={n}"
    return words, rng.integers(-99, 100, (2 * g, n)).astype(float), thin


def two_racks(inputs):
    def check(function, rng):
        for words, x, thin in inputs(rng):
            yield words
            racks = fat_tree(2, len(x) // 2, oversubscription=thin, eager_limit=0)
            out = outcome_of(function, x, [x.sum(axis=0)] * len(x), racks)
            carried = racks.bytes_carried(out.trace)
            for rack in (0, 1):
                left = carried.get((f"rack{rack}", "core"), 0)
                if left > x[0].nbytes:
                    said = f"{left} bytes left rack {rack}, par is {x[0].nbytes}: one vector"
                    raise CheckFailure(said)
            in_time(out.time, rack_seconds(len(x) // 2, x[0].size, x.itemsize, thin))
        yield "two racks of 3, n=9, numbers whose sums round"
        alike(function, rng.normal(size=(6, 9)))

    return check


def rack_seconds(g, n, itemsize, thin):
    """Return the time of two rings in the rack, and of one vector through the link between."""
    chunk = -(-n // g) * itemsize
    inside = 2 * (g - 1) * (2 * RDMA + chunk / ETHERNET_100)
    return inside + 4 * RDMA + n * itemsize * thin / (g * ETHERNET_100)


# Choosing: the choice is simulated, and so is every other

FAMILY = {
    "recursive_doubling": recursive_doubling_allreduce,
    "halving_doubling": rabenseifner_allreduce,
    "ring": package_ring,
}
RATIOS = (0.02, 0.6, 4.0, 60.0)  # of a vector's n beta to alpha


def public_networks(rng):
    """Yield (p, elements, alpha, beta): whole chunks, since rounding is none of the matter."""
    yield 1, 64, 5e-6, 1e-9
    for p in (2, 3, 6, 8, 12, 17, 31):
        for ratio in RATIOS:
            yield p, 32 * p, 5e-6, 5e-6 * ratio / (256 * p)


def held_out_networks(rng):
    for p in (*rng.integers(3, 36, 10), 16):
        n, alpha = int(p) * int(rng.integers(16, 64)), float(rng.uniform(1e-6, 50e-6))
        yield int(p), n, alpha, alpha * float(10 ** rng.uniform(-1.5, 2)) / (8 * n)


def choose(inputs):
    def check(function, rng):
        for p, n, alpha, beta in inputs(rng):
            yield f"p={p}, {8 * n} bytes, alpha={alpha:.3g}, beta={beta:.3g}"
            name = function(8 * n, p, alpha, beta)
            if not (isinstance(name, str) and name in FAMILY):
                raise CheckFailure(f"it chose {name!r}, which is none of {', '.join(FAMILY)}")
            seconds = {other: seconds_of(other, p, n, alpha, beta) for other in FAMILY}
            best = min(seconds, key=seconds.__getitem__)
            if not seconds[name] <= 1.1 * seconds[best]:
                took, least = (f"{seconds[k] * 1e6:.1f} µs" for k in (name, best))
                raise CheckFailure(f"it chose {name}, which takes {took}; {best} takes {least}")

    return check


def seconds_of(name, p, n, alpha, beta):
    network = Network(alpha, beta, eager_limit=0)
    program = FAMILY[name]
    return simulate(lambda comm: program(np.zeros(n), comm), p, network=network).time


def picture(function):
    """Return the space-time diagram of the learner's own run on five ranks."""
    return drawn(function, 5)


def drawn(function, p):
    from dlpar.figures import space_time

    out = simulate(lambda comm: function(np.ones(1000), comm), ranks=p, timeout=LIMIT)
    return space_time(out.trace)


def picture_of_eight(function):
    return drawn(function, 8)


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
    Task(
        "halving_doubling",
        halving_doubling(public_halved),
        halving_doubling(held_out_halved),
        points=4,
        par="2 lg p messages a rank, the ring's bytes, and the formula's virtual time",
        show=picture_of_eight,
    ),
    Task(
        "two_racks",
        two_racks(public_racks),
        two_racks(held_out_racks),
        points=3,
        par="one vector out of each rack, and the formula's virtual time",
    ),
    Task(
        "choose",
        choose(public_networks),
        choose(held_out_networks),
        points=3,
        par="within 10 % of the best of three",
    ),
)


def run_on(function, x, wanted):
    """Return the trace of `outcome_of` on the strict network."""
    return outcome_of(function, x, wanted).trace


def outcome_of(function, x, wanted, network=NETWORK):
    """Simulate `function(x[r], comm)` on each rank r; hold results and x against the promise."""
    mine = [row.copy() for row in x]

    def program(comm):
        return function(mine[comm.rank], comm)

    out = simulate(program, ranks=len(x), network=network, timeout=LIMIT)
    for rank, (got, want) in enumerate(zip(out.results, wanted, strict=True)):
        same(got, want, f"rank {rank}")
        if not np.array_equal(mine[rank], x[rank]):
            raise CheckFailure(f"rank {rank}'s x was changed: add in a copy")
    no_collectives(out.trace)
    return out


def alike(function, x):
    """All ranks have the same sum to the last bit, also where sums round."""
    out = simulate(lambda comm: function(x[comm.rank].copy(), comm), len(x), timeout=LIMIT)
    for rank, got in enumerate(out.results):
        close(got, x.sum(axis=0), atol=1e-12, who=f"rank {rank}")
        if got.tobytes() != out.results[0].tobytes():
            raise CheckFailure(f"rank {rank}'s sum differs from rank 0's in the last bits")


def in_time(took, allowed):
    """The run took at most `allowed` seconds of virtual time."""
    if not took <= SLACK * allowed:
        said = f"it took {took * 1e6:.2f} µs of virtual time, par is {allowed * 1e6:.2f}"
        raise CheckFailure(said)


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
