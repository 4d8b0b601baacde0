"""The checks of lab 8: results against one machine's, calls and virtual time against the par."""

from functools import reduce
from itertools import product
from operator import add

import numpy as np

from dlpar import simulate
from dlpar.labs import CheckFailure, Task, close, same
from dlpar.world import IN_PLACE, Network, work
from dlpar.world.virtual.costs import collective_seconds

NETWORK = Network(alpha=5e-6, beta=1e-9)  # 1 GB/s
LIMIT = 4  # s of wall time for one input, which takes milliseconds
SLACK = 1.001  # on virtual time, which is exact: room for the rounding of sums
WAITS = {"work", "Wait"}  # spans that are no call of a collective


# Task 1: the mean of unequal shares


def mean_step(function, rng, p, b, d):
    x, scale = rng.integers(-9, 10, (60, d)).astype(float), rng.integers(1, 5, 60).astype(float)
    batch, w = rng.permutation(60)[:b], rng.integers(-9, 10, d).astype(float)
    lr, example = float(rng.integers(1, 9)) / 16, 20e-6  # s of work an example
    mine, batches, used = [w.copy() for _ in range(p)], [batch.copy() for _ in range(p)], []

    def program(comm):
        def gradient(at, some):
            if not (isinstance(some, np.ndarray) and some.ndim == 1 and some.dtype.kind in "iu"):
                raise CheckFailure(f"rank {comm.rank} must ask for the gradient of an index array")
            if not some.size:
                raise ValueError("the mean gradient of no example")
            used.extend(some.tolist())
            work(comm, seconds=example * some.size)
            return mean_gradient(at, x[some], scale[some])

        return function(mine[comm.rank], batches[comm.rank], gradient, lr, comm)

    out = simulate(program, p, network=NETWORK, timeout=LIMIT)
    want = w - lr * mean_gradient(w, x[batch], scale[batch])
    alike(out.results, want)
    for rank in range(p):
        unchanged(mine[rank], w, f"rank {rank}'s w")
        unchanged(batches[rank], batch, f"rank {rank}'s batch")
    if sorted(used) != sorted(batch.tolist()):
        said = f"{len(used)} gradients of examples were computed for a batch of {b}"
        raise CheckFailure(f"{said}: the shares are the batch, each example once")
    only(out.trace, {"Allreduce": 1}, "one Allreduce")
    exchange = collective_seconds("Allreduce", p, 8 * d, NETWORK)
    in_time(out.time, -(-b // p) * example + exchange, "the largest share, and d numbers")


def mean_gradient(w, x, scale):
    """Return the mean over the examples of scale * (w - x), for w (d,), x (k, d), scale (k,)."""
    return (scale[:, None] * (np.asarray(w) - x)).mean(axis=0)


# Task 2: whose replica differs


def find_drift(function, rng, p, d, drifts):
    """Try it on replicas of which those in `drifts`, {rank: how}, are not as they should be."""
    dtype = np.float32 if d % 2 else np.float64
    right = rng.normal(size=d).astype(dtype)
    if d:
        right[0] = 0
    replicas = [DRIFTS[drifts.get(rank, "none")](right.copy()) for rank in range(p)]
    mine = [replica.copy() for replica in replicas]
    out = simulate(lambda comm: function(mine[comm.rank], comm), p, network=NETWORK, timeout=LIMIT)
    marks = [replica.tobytes() for replica in replicas]
    majority = max(marks, key=marks.count)  # the first of those that occur as often
    for rank, got in enumerate(out.results):
        same(got, [r for r in range(p) if marks[r] != majority], f"rank {rank}")
        if mine[rank].tobytes() != marks[rank]:
            raise CheckFailure(f"rank {rank}'s params were changed")
    only(out.trace, {"Allreduce": 1, "Allgather": 1}, "one Allreduce")
    names = (("Allreduce", 8 * p), ("Allgather", 8))
    allowed = max(collective_seconds(name, p, nbytes, NETWORK) for name, nbytes in names)
    in_time(out.time, allowed, "8 bytes for each rank, not the replicas")


def bit_flipped(x):
    x.view(np.uint8)[-x.itemsize] ^= 1  # the lowest bit of the last number
    return x


def swapped(x):
    x[1:3] = x[[2, 1]]
    return x


def cancelling(x):
    x[1], x[2] = x[1] + 1, x[2] - 1
    return x


def moved(x):
    return x + x.dtype.type(0.5)


def scaled(x):
    return x * x.dtype.type(1.25)


def minus_zero(x):
    x[0] = -x[0]
    return x


def spoilt(x):
    x[0] = np.nan
    return x


DRIFTS = {f.__name__: f for f in (bit_flipped, swapped, cancelling, moved, scaled, minus_zero,
                                  spoilt)} | {"none": lambda x: x}  # fmt: skip


def public_drifts(_):
    return [
        (4, 10, {2: "moved"}),
        (5, 8, {}),
        (5, 9, {0: "scaled"}),
        (3, 4, {0: "swapped"}),
        (6, 12, {1: "cancelling", 4: "bit_flipped"}),
        (1, 3, {}),
        (4, 5, {3: "minus_zero"}),
        (4, 5, {1: "spoilt", 3: "spoilt", 2: "moved"}),
        (5, 6, dict.fromkeys((0, 1, 3), "scaled") | {4: "moved"}),
        (4, 6, dict.fromkeys((0, 1), "moved")),
        (4, 6, dict.fromkeys((0, 1), "scaled")),
        (2, 4, {1: "bit_flipped"}),
        (3, 0, {}),
        (4, 20_000, {1: "bit_flipped"}),
    ]


def more_drifts(rng):
    for p in (3, 5, 7, 8):
        ranks = rng.permutation(p)[: (p - 1) // 2].tolist()
        hows = rng.permutation([how for how in DRIFTS if how != "none"]).tolist()
        yield p, whole(rng, 5, 40), dict(zip(ranks, hows, strict=False))
    yield 6, whole(rng, 5, 40), dict.fromkeys(rng.permutation(6)[:3].tolist(), "swapped")


# Task 3: start the exchange in backward


def overlap(function, rng, sizes, plan, micros, dtype="float64"):
    """Try `plan` on ranks that need `micros` each for a layer whose gradient is `sizes` long."""
    p, layers = len(micros), len(sizes)
    grads = [[rng.normal(size=n).astype(dtype) for n in sizes] for _ in range(p)]

    def program(comm):
        left = list(range(layers))

        def backward(layer):
            if not left or layer != left[-1]:
                said = f"backward({layer}) was called where layer {left[-1] if left else None}"
                raise CheckFailure(f"rank {comm.rank}: {said} is next: last layer first, each once")
            left.pop()
            work(comm, seconds=micros[comm.rank] * 1e-6)
            return grads[comm.rank][layer].copy()

        result = function([list(bucket) for bucket in plan], backward, comm)
        if left:
            raise CheckFailure(f"rank {comm.rank} never called backward({left[-1]})")
        return result

    out = simulate(program, p, network=NETWORK, timeout=LIMIT)
    for rank, got in enumerate(out.results):
        if not (isinstance(got, list | tuple) and len(got) == layers):
            raise CheckFailure(f"rank {rank} must return a list of {layers} arrays, one a layer")
        for layer in range(layers):
            want = reduce(add, [mine[layer] for mine in grads])
            same(got[layer], want, f"layer {layer}: rank {rank}")
    only(out.trace, {"Iallreduce": len(plan)}, f"{len(plan)}, one Iallreduce a bucket")
    nbytes = [n * np.dtype(dtype).itemsize for n in sizes]
    exchange = [
        collective_seconds("Allreduce", p, sum(nbytes[i] for i in k), NETWORK) for k in plan
    ]
    allowed = finish([max(micros) * 1e-6] * layers, plan, exchange)
    in_time(out.time, allowed, "an exchange starts as soon as its bucket is full")


def public_overlaps(_):
    return [
        ([3, 2], [[1], [0]], [10, 10]),
        ([4, 3, 2, 5], [[3, 2], [1, 0]], [20, 30]),
        ([2000, 10, 3000, 500], [[3], [2, 1], [0]], [8, 12, 10]),
        ([1000, 1000, 1000, 20_000], [[3], [2], [1], [0]], [20, 15]),
        ([5, 0, 7, 0, 2], [[4, 3, 2], [1, 0]], [10, 40, 20, 10]),
        ([6, 1, 4], [[2, 1, 0]], [10, 15, 5], "float32"),
        ([3], [[0]], [10, 20]),
        ([2, 3, 4], [[2, 1], [0]], [10]),
        ([4000] * 6, [[5], [4, 3], [2, 1], [0]], [9, 9, 9, 9]),
    ]


def more_overlaps(rng):
    for p, layers in ((2, 7), (3, 4), (5, 6), (4, 9)):
        cuts = [True, *(rng.random(layers - 1) < 0.5)]
        sizes = whole(rng, 0, 3000, layers)
        yield sizes, plan_of(cuts), whole(rng, 3, 30, p), ("float32", "float64")[p % 2]


def plan_of(cuts):
    """Return the buckets: layer L-1-k begins a new one where cuts[k] is true; cuts[0] is."""
    plan = []
    for k, cut in enumerate(cuts):
        if cut:
            plan.append([])
        plan[-1].append(len(cuts) - 1 - k)
    return plan


def finish(seconds, plan, exchange):
    """Return when the last of the plan's exchanges is done, backward having begun at 0, in s."""
    ready = done = 0.0
    for bucket, takes in zip(plan, exchange, strict=True):
        ready += sum(seconds[layer] for layer in bucket)
        done = max(done, ready) + takes
    return done


# Task 4: which layers share a bucket


def plan_buckets(function, _, profile):
    _, p, network, seconds, nbytes = profile

    def exchange(size):
        return collective_seconds("Allreduce", p, size, network)

    plan = function(list(seconds), list(nbytes), exchange)
    layers = list(range(len(seconds)))
    is_plan = isinstance(plan, list | tuple) and all(isinstance(k, list | tuple) for k in plan)
    if not is_plan or [i for bucket in plan for i in bucket] != layers[::-1] or [] in plan:
        said = f"it returned {plan!r:.60}; a plan is a list of buckets, each a list of layers"
        raise CheckFailure(f"{said}, which together are {layers[::-1]!r:.40}")

    def took(plan):
        return finish(seconds, plan, [exchange(sum(nbytes[i] for i in k)) for k in plan])

    step, backward, whole_exchange = run_of(profile, plan), sum(seconds), exchange(sum(nbytes))
    least = min(took(plan_of((True, *cuts))) for cuts in product((0, 1), repeat=len(layers) - 1))
    if not step <= 1.02 * least:
        said = f"the step takes {step * 1e6:.1f} µs with {len(plan)} buckets"
        raise CheckFailure(f"{said}; with the best it takes {least * 1e6:.1f}")
    hidden, possible = (1 - (t - backward) / whole_exchange for t in (step, least))
    if possible > 0.61 and not hidden >= 0.6:  # what just reaches it might lose it by rounding
        raise CheckFailure(f"{hidden:.0%} of the exchange is hidden, par is 60 %")


def run_of(profile, plan):
    """Return the virtual time of a step with this plan, run as task 3 does, in s."""
    return trace_of(profile, plan).time


def trace_of(profile, plan):
    _, p, network, seconds, nbytes = profile

    def program(comm):
        requests = []
        for bucket in plan:
            for layer in bucket:
                work(comm, seconds=seconds[layer])
            size = sum(nbytes[layer] for layer in bucket)
            requests.append(comm.Iallreduce(IN_PLACE, np.zeros(size, np.uint8)))
        for request in requests:
            request.Wait()

    return simulate(program, p, network=network, timeout=LIMIT)


# Of each kind of network: relative seconds and bytes of its layers, first layer first.
SHAPES = {
    "equal layers": ([1.0] * 8, [1.0] * 8),
    "a convolutional network, large layers last": (
        [4.0, 4, 3, 3, 2, 2, 1, 1, 0.5],
        [0.1, 0.2, 0.4, 0.8, 1, 2, 16, 3, 1],
    ),
    "a large table first": ([0.5, *[2.0] * 7], [8.0, *[1.0] * 7]),
    "layers without parameters": ([2.0, 1, 2, 1, 2, 1, 2, 1, 2], [3.0, 0, 3, 0, 3, 0, 3, 0, 3]),
    "slow layers first": ([9.0, 8, 7, 5, 3, 2, 1, 1], [1.0, 1, 2, 2, 3, 3, 4, 4]),
    "slow layers last": ([1.0, 1, 2, 3, 5, 7, 8, 9], [1.0] * 8),
    "one layer": ([1.0], [1.0]),
}
# (exchange of all in one bucket / backward, share of it that is latency)
RATIOS = ((0.9, 0.02), (0.6, 0.2), (1.3, 0.08))


def public_profiles(_):
    for name, (seconds, sizes) in SHAPES.items():
        for ratio, latency in RATIOS[: 1 if len(sizes) == 1 else 3]:
            yield (profile_of(name, 2, seconds, sizes, ratio, latency),)
    yield (profile_of("equal layers", 4, *SHAPES["equal layers"], 0.8, 0.1),)


def more_profiles(rng):
    for k, (name, (seconds, sizes)) in enumerate(list(SHAPES.items())[:-1]):
        some = [np.asarray(part) * rng.uniform(0.5, 1.5, len(part)) for part in (seconds, sizes)]
        for _ in range(2):
            ratio, latency = rng.uniform(0.4, 1.3), rng.uniform(0.01, 0.25)
            yield (profile_of(name, (2, 4, 8)[k % 3], *some, ratio, latency),)


def profile_of(name, p, seconds, sizes, ratio, latency):
    """Return (words, p, Network, seconds, bytes) of the layers; backward takes 1 ms."""
    seconds, sizes = np.asarray(seconds, float), np.asarray(sizes, float)
    seconds, nbytes = seconds * 1e-3 / seconds.sum(), np.rint(sizes * 4e4 / sizes.sum()).astype(int)
    whole_exchange, rounds = ratio * 1e-3, (p - 1).bit_length()
    alpha = latency * whole_exchange / (2 * rounds if p > 2 else 1)
    beta = (1 - latency) * whole_exchange / (2 * (p - 1) / p * nbytes.sum())
    words = f"{name}, p={p}, exchange {ratio:.2f} of backward, latency {latency:.0%} of it"
    return words, p, Network(float(alpha), float(beta)), seconds.tolist(), nbytes.tolist()


# Task 5: rounds of local steps


def learn_in_rounds(function, rng, name, counts, momentum, lr, nesterov):
    """Try it on ranks whose examples in round k are counts[k][rank]; 0 sits out."""
    rounds, d = len(counts), 5
    p = len(counts[0]) if counts else 2
    pull, goals = rng.uniform(0.1, 0.9, p), rng.normal(size=(rounds, p, d))
    w, seconds = rng.normal(size=d), rng.integers(5, 50, (rounds, p)) * 1e-6
    goals[..., -1] = w[-1]  # one parameter has nowhere to go

    def trained(model, k, rank):
        return model + pull[rank] * (goals[k, rank] - model)

    wanted = [w]
    u = np.zeros(d)
    for k, count in enumerate(counts):
        now, total = wanted[-1], sum(count)
        if total:
            moves = [n * (trained(now, k, r) - now) for r, n in enumerate(count)]
            step = lr * sum(moves) / total
            u = momentum * u + step
            now = now + (step + momentum * u if nesterov else u)
        wanted.append(now)
    mine = [w.copy() for _ in range(p)]

    def program(comm):
        r, heard = comm.rank, []

        def local(model, k):
            if k != len(heard) or k >= rounds:
                raise CheckFailure(f"rank {r} called local(model, {k}) as call {len(heard)}")
            heard.append(k)
            if not (isinstance(model, np.ndarray) and model.shape == (d,)):
                raise CheckFailure(f"rank {r} must call local with the model, ({d},)")
            if not np.allclose(model, wanted[k], 1e-9, 1e-12):
                said = f"round {k}: rank {r} begins with {model}, not with the global model"
                raise CheckFailure(f"{said}, {wanted[k]}")
            model[:] = trained(model, k, r) if counts[k][r] else np.nan
            work(comm, seconds=float(seconds[k, r]))
            return counts[k][r]

        result = function(mine[r], local, rounds, comm, momentum, lr, nesterov)
        if len(heard) < rounds:
            raise CheckFailure(f"rank {r} called local {len(heard)} times in {rounds} rounds")
        return result

    out = simulate(program, p, network=NETWORK, timeout=LIMIT)
    alike(out.results, wanted[-1])
    for rank in range(p):
        unchanged(mine[rank], w, f"rank {rank}'s w")
    only(out.trace, {"Allreduce": rounds}, f"{rounds}, one Allreduce a round")
    exchange = collective_seconds("Allreduce", p, 8 * (d + 1), NETWORK)
    allowed = float(seconds.max(axis=1).sum()) + rounds * exchange
    in_time(out.time, allowed, "the slowest rank and d + 1 numbers a round")


def public_rounds(_):
    return [
        ("SparkNet", [[1, 1, 1]] * 3, 0.0, 1.0, False),
        ("FedAvg, unequal shares", [[3, 5]] * 2, 0.0, 1.0, False),
        ("FedAvg, some sit out", [[4, 0, 2, 6], [0, 3, 0, 1], [5, 1, 0, 0]], 0.0, 1.0, False),
        ("block momentum", [[1] * 4] * 4, 0.75, 1.0, False),
        ("SlowMo", [[2, 1]] * 4, 0.6, 0.5, False),
        ("DiLoCo", [[1, 1, 1]] * 4, 0.9, 0.7, True),
        ("DiLoCo, a round without anybody", [[1, 2], [0, 0], [3, 1], [2, 2]], 0.9, 0.7, True),
        ("one rank", [[7]] * 3, 0.5, 0.8, True),
        ("no round", [], 0.5, 0.8, True),
    ]


def more_rounds(rng):
    for p, nesterov in ((2, True), (3, False), (5, True), (6, False)):
        counts = rng.integers(0, 5, (5, p))
        counts[0] += 1
        counts[2] = 0
        momentum, lr = float(rng.uniform(0.3, 0.95)), float(rng.uniform(0.4, 1.2))
        yield "some law", counts.tolist(), momentum, lr, nesterov


# What they share


def alike(results, want):
    """All results are near `want`, and the same to the last bit."""
    for rank, got in enumerate(results):
        close(got, want, 1e-9, 1e-12, f"rank {rank}")
        if got.tobytes() != results[0].tobytes():
            raise CheckFailure(f"rank {rank}'s model differs from rank 0's in the last bits")


def only(trace, allowed, par):
    """Each rank calls collectives of `allowed` at most so often, {name: times}, and no other."""
    if trace.messages_sent.any():
        rank = int(np.argmax(trace.messages_sent))
        raise CheckFailure(f"rank {rank} sent messages of its own; par is {par}")
    calls = [[s.what for s in trace.spans if s.rank == r] for r in range(trace.size)]
    for rank, spans in enumerate(calls):
        called = [what for what in spans if what not in WAITS]
        for what in called:
            if what not in allowed:
                raise CheckFailure(f"rank {rank} called {what}; par is {par}")
        if len(called) > max(allowed.values()):
            raise CheckFailure(f"rank {rank} called {len(called)} collectives; par is {par}")


def in_time(took, allowed, why):
    """The run took at most `allowed` seconds of virtual time."""
    if not took <= SLACK * allowed:
        said = f"it took {took * 1e6:.2f} µs of virtual time, par is {allowed * 1e6:.2f}"
        raise CheckFailure(f"{said}: {why}")


def unchanged(now, before, whose):
    """The function has not written into its argument."""
    if not np.array_equal(now, before):
        raise CheckFailure(f"{whose} was changed: work on a copy")


def whole(rng, low, high, count=None):
    """Draw a plain int from low to high - 1, or a list of `count`."""
    return rng.integers(low, high, count).tolist() if count else int(rng.integers(low, high))


def on(attempt, words, shapes):
    """Return the check that makes `attempt` on each of `shapes(rng)`, told in `words`."""

    def check(function, rng):
        for shape in list(shapes(rng)):
            yield words(*shape)
            attempt(function, rng, *shape)

    return check


def task(attempt, words, public, held_out, **more):
    """Return the Task that `attempt` tries on the shapes `public(rng)` and `held_out(rng)`."""
    return Task(attempt.__name__, on(attempt, words, public), on(attempt, words, held_out), **more)


# What a notebook shows after success


def overlap_shown(function):
    """Return the learner's own step as a Gantt chart: in one bucket, and in four."""
    from dlpar.figures import gantt

    def run(plan):
        def program(comm):
            def backward(_):
                work(comm, seconds=20e-6)
                return np.ones(2500)

            return function([list(bucket) for bucket in plan], backward, comm)

        return simulate(program, 2, network=NETWORK, timeout=LIMIT).trace

    layers = list(range(8))[::-1]
    pairs = [layers[k : k + 2] for k in range(0, 8, 2)]
    return gantt({"one bucket": run([layers]), "four buckets": run(pairs)})


def plan_shown(function):
    """Return a step with one bucket, with one a layer, and with the learner's plan."""
    from dlpar.figures import gantt

    seconds, sizes = SHAPES["a convolutional network, large layers last"]
    profile = profile_of("", 2, seconds, sizes, 0.9, 0.08)
    _, p, network, seconds, nbytes = profile
    layers = list(range(len(seconds)))[::-1]
    yours = function(
        seconds, nbytes, lambda size: collective_seconds("Allreduce", p, size, network)
    )
    plans = {"one bucket": [layers], "one a layer": [[i] for i in layers], "yours": yours}
    return gantt({name: trace_of(profile, plan).trace for name, plan in plans.items()})


TASKS = (
    task(
        mean_step,
        "p={}, b={}, d={}".format,
        lambda _: [(2, 6, 3), (3, 8, 4), (4, 4, 1), (4, 2, 5), (1, 5, 2), (5, 1, 3), (3, 7, 2000)],
        lambda rng: [(p, p * whole(rng, 1, 7) + whole(rng, 1, p), whole(rng, 1, 30))
                     for p in (2, 4, 7)] + [(6, whole(rng, 1, 6), 3)],
        points=3,
        par="one Allreduce of d numbers, ceil(b/p) examples a rank",
    ),
    task(
        find_drift,
        "p={}, {} parameters, {}".format,
        public_drifts,
        more_drifts,
        points=2,
        par="one Allreduce, 8 bytes for each rank",
    ),
    task(
        overlap,
        lambda sizes, plan, micros, dtype="float64": f"p={len(micros)}, layers of {sizes} {dtype}, "
        f"buckets {plan}, {micros} µs of work a layer",
        public_overlaps,
        more_overlaps,
        points=3,
        par="one Iallreduce a bucket, each as early as can be",
        show=overlap_shown,
    ),
    task(
        plan_buckets,
        lambda profile: profile[0],
        public_profiles,
        more_profiles,
        points=4,
        par="within 2 % of the best plan; 60 % of the exchange hidden, where a plan can",
        show=plan_shown,
    ),
    task(
        learn_in_rounds,
        "{}, examples {}, momentum {:.3g}, lr {:.3g}, nesterov {}".format,
        public_rounds,
        more_rounds,
        points=3,
        par="one Allreduce of d + 1 numbers a round",
    ),
)  # fmt: skip
