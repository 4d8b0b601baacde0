"""The checks of lab 9: what workers read, what was sent, and when, on a virtual clock."""

import math
from typing import NamedTuple

import numpy as np

from dlpar import simulate
from dlpar.labs import CheckFailure, Task, close
from dlpar.world import ANY_SOURCE, ANY_TAG, Drop, Duplicate, Faults, Network, Status, clock, work

PUSH, PULL, REPLY, DONE, ACK = range(1, 6)  # tags
ALPHA = 5e-6  # s
NETWORK = Network(alpha=ALPHA, beta=0)  # every message takes alpha, so that par has a closed form
LIMIT = 4  # s of wall time for one input, which takes milliseconds
SLACK = 1.01  # on virtual time


# serve: the workers are ours, and each gradient has an element of its own


class Plan(NamedTuple):
    """A schedule of workers."""

    staleness: float
    steps: tuple[int, ...]  # of each worker
    micros: tuple[tuple[int, ...], ...]  # µs of each worker's steps
    again: tuple[tuple[int, int, int], ...] = ()  # worker, after its push, the clock sent again
    linger: tuple[int, ...] = ()  # µs from the last push to DONE
    ranks: tuple[int, ...] = ()  # of the workers; others stay idle
    skipped: tuple[int, int] | None = None  # worker and clock of a push that is lost for ever

    def __str__(self):
        words = f"s={self.staleness}, the workers take {self.steps} steps"
        if self.again:
            words += f", {len(self.again)} pushes come twice"
        if any(self.linger):
            words += f", and are done {self.linger} µs after the last"
        if self.ranks:
            words += f", on ranks {self.ranks}"
        return words + (", one push is lost" if self.skipped else "")


class Got(NamedTuple):
    """What a worker read."""

    worker: int
    clock: int
    time: float  # s
    weights: np.ndarray


def steady(staleness, steps, micros, **more):
    """Return the Plan of workers whose steps take `micros` each, always."""
    return Plan(staleness, steps, tuple((m,) * k for k, m in zip(steps, micros, strict=True)),
                **more)  # fmt: skip


PUBLIC_PLANS = (
    steady(0, (3, 3), (20, 30)),
    steady(1, (4, 4, 4), (20, 60, 25)),
    Plan(2, (6, 6, 6), ((10, 90, 10, 10, 10, 10), (10, 10, 10, 70, 10, 10), (20,) * 6)),
    steady(math.inf, (8, 2, 3), (10, 90, 40)),
    steady(0, (5, 1, 3), (20, 30, 25)),
    steady(1, (2, 6, 0), (90, 10, 10)),
    steady(1, (4, 4), (20, 50), again=((0, 1, 1), (1, 0, 0), (1, 0, 0))),
    steady(2, (5, 5), (10, 60), again=((0, 2, 1), (1, 3, 0))),
    steady(0, (1, 4, 4), (10, 20, 30), linger=(150, 0, 0)),
    steady(0, (), ()),
    steady(1, (3, 3), (20, 45), ranks=(3, 1)),
    steady(1, (4, 4), (20, 30), skipped=(1, 2)),
)


def public_plans(rng):
    return PUBLIC_PLANS


def held_out_plans(rng):
    """Yield random schedules of each staleness, with an outlier each, and one with a loss."""
    for staleness in (0, 1, 2, 4, math.inf):
        steps = *map(int, rng.integers(0, 9, 4)), int(rng.integers(6, 9))
        micros = rng.integers(5, 60, (5, 9))
        micros[rng.integers(4), rng.integers(3)] = 300
        again = [(w, c, int(rng.integers(0, c + 1))) for w, k in enumerate(steps)
                 for c in range(k) if rng.random() < 0.3]  # fmt: skip
        rows = tuple(tuple(map(int, row[:k])) for row, k in zip(micros, steps, strict=True))
        linger = tuple(int(t) for t in rng.integers(0, 100, 5) * (rng.random(5) < 0.5))
        ranks = tuple(int(r) for r in 1 + rng.permutation(7)[:5])
        yield Plan(staleness, steps, rows, tuple(again), linger, ranks)
    lost = (int(rng.integers(2)), int(rng.integers(1, 3)))
    yield steady(1, (4, 4), (20, 30), skipped=lost)


def serve(plans):
    def check(function, rng):
        for plan in plans(rng):
            yield str(plan)
            owner = [w for w, k in enumerate(plan.steps) for _ in range(k)]
            sizes = rng.integers(1, 10, len(owner)) * rng.choice([-1, 1], len(owner))
            first = rng.integers(-99, 100, len(owner) + 1).astype(float)
            if plan.skipped:
                must_notice(function, plan, first, sizes)
            else:
                out, reads = served(function, plan, first, sizes)
                held_to(plan, reads, first, sizes)
                if out.trace.messages_sent[0] != len(reads):
                    said = f"the server sent {out.trace.messages_sent[0]} messages"
                    raise CheckFailure(f"{said} for {len(reads)} pulls: par is one each")
                close(out.results[0], first - np.append(sizes, 0), 1e-12, who="the server")

    return check


def must_notice(function, plan, first, sizes):
    try:
        served(function, plan, first, sizes)
    except ValueError:
        return
    worker, c = plan.skipped
    said = f"worker {worker}'s gradient {c} never came, {c + 1} did, and nobody heard of it"
    raise CheckFailure(f"{said}: raise ValueError")


def served(function, plan, first, sizes):
    """Simulate the learner's server and our workers; return the Outcome and what was read."""
    ranks = plan.ranks or tuple(range(1, len(plan.steps) + 1))
    starts = np.cumsum((0, *plan.steps))
    weights, reads = first.copy(), []

    def gradient(w, c):
        message = np.zeros(1 + first.size)
        message[0], message[1 + starts[w] + c] = c, sizes[starts[w] + c]
        return message

    def worker(comm, w):
        for c in range(plan.steps[w]):
            got = np.full(first.size, np.nan)
            comm.Send(np.array([float(c)]), dest=0, tag=PULL)
            comm.Recv(got, source=0, tag=REPLY)
            reads.append(Got(w, c, clock(comm), got))
            work(comm, seconds=1e-6 * plan.micros[w][c])
            if (w, c) != plan.skipped:
                comm.Send(gradient(w, c), dest=0, tag=PUSH)
            for who, after, which in plan.again:
                if (who, after) == (w, c):
                    comm.Send(gradient(w, which), dest=0, tag=PUSH)
        work(comm, seconds=1e-6 * plan.linger[w] if plan.linger else 0)
        comm.Send(np.empty(0), dest=0, tag=DONE)

    def program(comm):
        if comm.rank == 0:
            return function(comm, weights, list(ranks), plan.staleness)
        return worker(comm, ranks.index(comm.rank)) if comm.rank in ranks else None

    out = simulate(program, max(ranks, default=0) + 1, network=NETWORK, timeout=LIMIT)
    if not np.array_equal(weights, first):
        raise CheckFailure("the caller's weights were changed: work on a copy")
    return out, reads


def held_to(plan, reads, first, sizes):
    """Hold what was read, and when, against the bound; see `soonest` for when."""
    starts, par = np.cumsum((0, *plan.steps)), soonest(plan)
    for read in reads:
        who = f"worker {read.worker} at clock {read.clock}"
        if read.weights[-1] != first[-1]:
            raise CheckFailure(f"{who} read what is no sum of gradients")
        counts = (first - read.weights)[:-1] / sizes
        for w, (start, steps) in enumerate(zip(starts, plan.steps, strict=False)):
            mine = counts[start : start + steps]
            if not np.isin(mine, (0, 1)).all():
                c = int(np.argmin(np.isin(mine, (0, 1))))
                raise CheckFailure(f"{who} read gradient {c} of worker {w} {mine[c]:g} times")
            seen = int(mine.sum())
            if not mine[:seen].all():
                raise CheckFailure(f"{who} read gradients of worker {w} with a gap among them")
            if w == read.worker and seen != read.clock:
                raise CheckFailure(f"{who} read {seen} of its own gradients")
            if seen < min(read.clock - plan.staleness, steps):
                due = min(read.clock - plan.staleness, steps)
                said = f"{who} read {seen} gradients of worker {w}, and {due} were due"
                raise CheckFailure(f"{said}: the bound is broken")
        late = (read.time - par[read.worker][read.clock]) * 1e6
        if late < -0.01:
            said = f"{who} had the weights {-late:.1f} µs too early: somebody is at work still"
            raise CheckFailure(said)
        if read.time > SLACK * par[read.worker][read.clock]:
            said = f"{who} had the weights {late:.1f} µs later than it could: the bound allows more"
            raise CheckFailure(said)


def soonest(plan):
    """Return [worker][clock] the time, in s, at which it can have the weights, and no sooner."""
    got, pushed = ([[0.0] * k for k in plan.steps] for _ in range(2))  # pushed: it has arrived
    linger = [1e-6 * micros for micros in plan.linger or [0] * len(plan.steps)]
    done = [ALPHA + late for late in linger]
    for c in range(max(plan.steps, default=0)):
        due, needed = 0.0, c - plan.staleness - 1
        if needed >= 0:
            due = max(pushed[w][needed] if k > needed else done[w]
                      for w, k in enumerate(plan.steps))  # fmt: skip
        for w, k in enumerate(plan.steps):
            if c < k:
                asked = pushed[w][c - 1] if c else ALPHA
                got[w][c] = max(asked, due) + ALPHA
                pushed[w][c] = got[w][c] + plan.micros[w][c] * 1e-6 + ALPHA
                done[w] = pushed[w][c] + linger[w]
    return got


# resend: the server is ours, and the network is not to be trusted

PATIENCE = 40e-6  # s
POLL = 1e-6  # s


class Trouble(NamedTuple):
    """What goes wrong: messages by plan or by chance, and a server that is slow at times."""

    words: str
    steps: tuple[int, ...]
    plan: tuple = ()
    slow: tuple[tuple[int, int], ...] = ()  # which message that the server takes, µs


PUBLIC_TROUBLES = (
    Trouble("nothing is lost", (3,)),
    Trouble("a push is lost", (3,), (Drop(1, 0, PUSH, nth=2),)),
    Trouble("an answer is lost", (3,), (Drop(0, 1, ACK, nth=2),)),
    Trouble("the last push is lost", (3,), (Drop(1, 0, PUSH, nth=3),)),
    Trouble("one push is lost five times", (3,),
            tuple(Drop(1, 0, PUSH, nth=k) for k in range(1, 6))),
    Trouble("every push comes twice", (4,), (Duplicate(1, 0, PUSH),)),
    Trouble("an answer comes twice, and then a push is lost", (4,),
            (Duplicate(0, 1, ACK, nth=1), Drop(1, 0, PUSH, nth=2))),
    Trouble("the server is slow once", (4,), slow=((1, 100),)),
    Trouble("the server is slow once, and then a push is lost", (4,),
            (Drop(1, 0, PUSH, nth=4),), slow=((0, 100),)),
    Trouble("no gradients", (0,)),
    Trouble("a third of all messages is lost", (6, 4, 5),
            (Drop(tag=PUSH, probability=0.33), Drop(tag=ACK, probability=0.33))),
)  # fmt: skip


def public_troubles(rng):
    return PUBLIC_TROUBLES


def held_out_troubles(rng):
    for p in (0.1, 0.5):
        steps = tuple(int(k) for k in rng.integers(4, 9, 3))
        chance = (Drop(tag=PUSH, probability=p), Duplicate(tag=ACK, probability=p),
                  Drop(tag=ACK, probability=p))  # fmt: skip
        yield Trouble(f"of all messages {p:.0%} are lost, some answers come twice", steps, chance)
    n = int(rng.integers(5, 9))
    lost = tuple(Drop(1, 0, PUSH, nth=k) for k in range(n, n + 3))
    yield Trouble("the last push is lost three times", (n,), lost)
    k, slow = int(rng.integers(n - 2)), int(rng.integers(90, 110))
    lost = (Drop(1, 0, PUSH, nth=k + 4),)
    yield Trouble("the server is slow, and then a push is lost", (n,), lost, slow=((k, slow),))


def resend(troubles):
    def check(function, rng):
        for trouble in troubles(rng):
            yield f"{trouble.words}; {trouble.steps} gradients"
            rows = [rng.integers(-99, 100, (k, 3)).astype(float) for k in trouble.steps]
            out = sent(function, trouble, rows, Faults(trouble.plan, rng))
            lost = sum(isinstance(s.fault, Drop) for s in out.trace.faults)
            copies = sum(isinstance(s.fault, Duplicate) for s in out.trace.faults)
            made_twice = sum(isinstance(s.fault, Duplicate) and s.rank > 0
                             for s in out.trace.faults)  # fmt: skip
            idle = sum(int((micros * 1e-6 + 2 * ALPHA) / PATIENCE) for _, micros in trouble.slow)
            par = sum(trouble.steps) + lost + idle
            pushes = sum(m.tag == PUSH for m in out.trace.messages) - made_twice
            if pushes > par:
                said = f"{pushes} pushes were sent, par is {par}"
                raise CheckFailure(f"{said}: one a gradient, and one more a time-out")
            if not trouble.slow:
                trip = 2 * ALPHA + 2 * POLL
                allowed = max(trouble.steps) * trip + lost * (PATIENCE + trip) + copies * trip
                in_time(out.time, allowed + trip, "a push that is lost costs one patience")

    return check


def sent(function, trouble, rows, faults):
    """Simulate our server and the learner's workers; the server gets all, once and in order."""

    def server(comm):
        box, status = np.empty(1 + 3), Status()
        have, at_work, taken = [0] * comm.size, comm.size - 1, 0
        while at_work:
            comm.Recv(box, source=ANY_SOURCE, tag=ANY_TAG, status=status)
            worker, c = status.Get_source(), int(box[0])
            if status.Get_tag() == DONE:
                at_work -= 1
                if have[worker] < len(rows[worker - 1]):
                    said = f"worker {worker} went home, and the server has {have[worker]}"
                    raise CheckFailure(f"{said} of its {len(rows[worker - 1])} gradients")
                continue
            if status.Get_tag() != PUSH or status.Get_count() != 8 * 4:
                raise CheckFailure("a push is [clock, gradient...], 4 numbers, with tag PUSH, 1")
            if not 0 <= box[0] < len(rows[worker - 1]) or box[0] != c:
                raise CheckFailure(f"worker {worker} pushed clock {box[0]:g}")
            if c > have[worker]:
                said = f"worker {worker} pushed gradient {c}, and the server never had"
                raise CheckFailure(f"{said} gradient {have[worker]}")
            if not np.array_equal(box[1:], rows[worker - 1][c]):
                raise CheckFailure(f"worker {worker} pushed another gradient as number {c}")
            have[worker] += c == have[worker]
            work(comm, seconds=1e-6 * dict(trouble.slow).get(taken, 0))
            taken += 1
            comm.Send(np.array([float(c)]), dest=worker, tag=ACK)

    def worker(comm):
        def hear(seconds):
            return heard(comm, seconds)

        function(rows[comm.rank - 1].copy(), comm, hear, PATIENCE)
        comm.Send(np.empty(0), dest=0, tag=DONE)

    def program(comm):
        return server(comm) if comm.rank == 0 else worker(comm)

    return simulate(program, len(rows) + 1, network=NETWORK, timeout=LIMIT, faults=faults)


def heard(comm, seconds):
    """Return the clock of the next ACK, or None if none comes within `seconds` of virtual time."""
    if isinstance(seconds, bool) or not (isinstance(seconds, int | float) and 0 < seconds < 1):
        raise CheckFailure(f"hear({seconds!r}): wait for a positive number of seconds, below 1")
    box, until = np.empty(1), clock(comm) + seconds
    while not comm.Iprobe(source=0, tag=ACK):
        if clock(comm) >= until:
            return None
        work(comm, seconds=POLL)
    comm.Recv(box, source=0, tag=ACK)
    return int(box[0])


# audit: weights that were read, from servers that lose, repeat, delay and forget


class Case(NamedTuple):
    words: str
    workers: int
    clocks: int
    faults: tuple[str, ...] = ()  # each strikes another gradient


PUBLIC_CASES = (
    Case("a server in good order", 2, 3),
    Case("a server in good order, much under way", 4, 4),
    Case("one gradient lost", 2, 4, ("lost",)),
    Case("one gradient applied twice", 2, 4, ("twice",)),
    Case("one gradient applied three times", 3, 3, ("thrice",)),
    Case("one gradient late", 3, 5, ("late",)),
    Case("an update overwritten", 3, 5, ("overwritten",)),
    Case("an overwritten update that comes back", 3, 5, ("comes back",)),
    Case("one worker", 1, 5, ("lost", "twice")),
    Case("the last gradients lost", 3, 3, ("last",)),
    Case("of everything", 4, 6, ("lost", "twice", "late", "overwritten", "lost", "late")),
)
KINDS = ("lost", "twice", "late")


def public_cases(rng):
    return PUBLIC_CASES


def held_out_cases(rng):
    for faults in ((), ("lost", "lost"), ("late", "late"), ("twice", "overwritten"),
                   ("lost", "thrice", "late", "comes back", "overwritten")):  # fmt: skip
        workers, clocks = int(rng.integers(3, 6)), int(rng.integers(5, 8))
        words = f"{', '.join(faults) or 'good order'}: {workers} workers, {clocks} clocks"
        yield Case(words, workers, clocks, faults)
    yield Case("good order, three workers, nine clocks", 3, 9)


def audit(cases):
    def check(function, rng):
        for case in cases(rng):
            yield case.words
            reads = history(case, rng)
            while sorted(kind for kind, *_ in wanted(reads)) != shown_by(case):
                reads = history(case, rng)  # until every fault shows, as what it is
            shape = case.workers, case.clocks, case.workers * case.clocks + 3
            gradients, start = rng.normal(size=shape), rng.normal(size=shape[2])
            seen = [(w, c, start - np.tensordot(k, gradients, 2)) for w, c, k in reads]
            told(function(start.copy(), gradients.copy(), seen), wanted(reads))

    return check


def shown_by(case):
    """Return the kinds of findings that the faults of a Case make, sorted."""
    names = {"thrice": "twice", "overwritten": "lost", "comes back": "late", "last": "lost"}
    return sorted(names.get(fault, fault) for fault in case.faults)


def history(case, rng):
    """Return [(worker, clock, counts)]: a faulty server's reads, in order; counts are the truth."""
    struck = rng.permutation(case.workers * (case.clocks - 1))[: len(case.faults)]
    fault = {(int(i) % case.workers, int(i) // case.workers): kind
             for i, kind in zip(struck, case.faults, strict=True)}  # fmt: skip
    if "last" in case.faults:
        fault = {(0, case.clocks - 1): "lost", (1, case.clocks - 2): "lost"}
    counts = np.zeros((case.workers, case.clocks), int)
    underway = [[] for _ in range(case.workers)]
    later, reads, clocks = [], [], [0] * case.workers  # later: (at which read, gradient, change)

    def deliver(w):
        one = underway[w].pop(0)
        kind, now = fault.get(one, "once"), len(reads)
        counts[one] += {"twice": 2, "thrice": 3, "lost": 0, "late": 0}.get(kind, 1)
        wait = int(rng.integers(2, 6))
        if kind in ("late", "overwritten", "comes back"):
            later.append((now + wait, one, 1 if kind == "late" else -1))
        if kind == "comes back":
            later.append((now + wait + 3, one, 1))

    while min(clocks) < case.clocks:
        w = int(rng.choice([w for w, c in enumerate(clocks) if c < case.clocks]))
        while underway[w]:  # what a worker sent before its pull is there before its pull
            deliver(w)
        for other in range(case.workers):
            if underway[other] and rng.random() < 0.4:
                deliver(other)
        for when, one, change in [e for e in later if e[0] <= len(reads)]:
            counts[one] += change
            later.remove((when, one, change))
        reads.append((w, clocks[w], counts.copy()))
        underway[w].append((w, clocks[w]))
        clocks[w] += 1
    return reads


def wanted(reads):
    """Return the set of (kind, worker, clock, read), from the true counts."""
    found, (workers, clocks) = set(), reads[-1][2].shape
    for w in range(workers):
        for c in range(clocks):
            mine = [counts[w, c] for _, _, counts in reads]
            due = [bool(counts[w, c + 1 :].any()) or (who == w and at > c)
                   for who, at, counts in reads]  # fmt: skip
            missing = [i for i, n in enumerate(mine) if due[i] and n == 0]
            many = [i for i, n in enumerate(mine) if n > 1]
            if missing:
                found.add(("late" if mine[-1] else "lost", w, c, missing[0]))
            if many:
                found.add(("twice", w, c, many[0]))
    return found


def told(answer, truth):
    """Hold the learner's list against the set of (kind, worker, clock, read)."""
    if not isinstance(answer, list | tuple):
        raise CheckFailure(f"it returned {type(answer).__name__}, not a list of findings")
    findings = []
    for one in answer:
        if not (isinstance(one, list | tuple) and len(one) == 4 and one[0] in KINDS
                and all(type(number) is int for number in one[1:])):  # fmt: skip
            raise CheckFailure(f"a finding is (kind, worker, clock, read), not {str(one)[:60]}")
        findings.append(tuple(one))
    for kind, w, c, read in findings:
        if (kind, w, c, read) in truth:
            continue
        elsewhere = [t for t in truth if t[:3] == (kind, w, c)]
        said = f"gradient {c} of worker {w} "
        if elsewhere:
            said += f"is {kind}, but read {elsewhere[0][3]} shows it first, not read {read}"
        else:
            said = f"a false alarm: {said}is not {kind}"
        raise CheckFailure(said)
    for kind, w, c, read in sorted(truth - set(findings)):
        raise CheckFailure(f"gradient {c} of worker {w} is {kind}, as read {read} shows: not found")
    if len(findings) > len(truth):
        raise CheckFailure("a finding is reported more than once")


# choose_staleness: seconds of steps in a log, judged on more of the same kind

LOG, JUDGED, MOST = 400, 1200, 10  # clocks, clocks, largest staleness

LAWS = {
    "all alike": lambda rng, c, w: rng.uniform(0.95, 1.05, (c, w)),
    "one is always slow": lambda rng, c, w: (
        rng.uniform(0.95, 1.05, (c, w)) * np.where(np.arange(w) == w - 1, 4.0, 1.0)
    ),
    "each is slow at random": lambda rng, c, w: 0.3 + rng.exponential(0.7, (c, w)),
    "a rare long pause": lambda rng, c, w: np.where(rng.random((c, w)) < 0.04, 10.0, 1.0),
    "slow in turn": lambda rng, c, w: (
        np.where(np.arange(c)[:, None] % w == np.arange(w), 4.0, 1.0)
    ),
    "all slow at the same time": lambda rng, c, w: (
        0.5 + np.repeat(rng.exponential(1, (c, 1)), w, axis=1)
    ),
    "slow for a while": lambda rng, c, w: spells(rng, c, w),
}  # fmt: skip


def spells(rng, clocks, workers):
    """Return step times in which a worker is slow for about six clocks in a row."""
    slow, rows = np.zeros(workers, bool), []
    for _ in range(clocks):
        slow = np.where(slow, rng.random(workers) < 5 / 6, rng.random(workers) < 0.03)
        rows.append(np.where(slow, 3.0, 1.0))
    return np.array(rows)


def public_laws(rng):
    """Yield (law, workers, growth)."""
    for law in LAWS:
        yield law, 6, 0.02
    yield "each is slow at random", 8, 0.2
    yield "each is slow at random", 4, 0.0
    yield "a rare long pause", 8, 0.3
    yield "slow in turn", 5, 0.001
    yield "all alike", 1, 0.1


def held_out_laws(rng):
    for law in LAWS:
        yield law, int(rng.integers(2, 13)), float(10 ** rng.uniform(-3, -0.5))
    yield "slow for a while", int(rng.integers(4, 9)), 0.003


def choose_staleness(laws):
    def check(function, rng):
        for law, workers, growth in laws(rng):
            yield f"{law}, {workers} workers, {growth:.3g} more clocks for each of staleness"
            log = LAWS[law](rng, LOG, workers)
            s = function(log.copy(), growth, MOST)
            if type(s) is not int or not 0 <= s <= MOST:
                raise CheckFailure(f"it chose {s!r}; staleness is 0 to {MOST}")
            pace = paces(LAWS[law](rng, JUDGED, workers), MOST)
            took = pace * (1 + growth * np.arange(MOST + 1))
            if not took[s] <= 1.1 * took.min():
                said = f"s={s} takes {took[s]:.3f} s for each clock that s=0 needs"
                raise CheckFailure(f"{said}; s={took.argmin()} takes {took.min():.3f}")

    return check


def paces(seconds, most):
    """Return (most + 1,): seconds a clock if staleness is 0 .. most and messages take no time."""
    staleness = np.arange(most + 1)
    at = np.zeros((most + 1, seconds.shape[1]))  # s, when each worker is done with its clock
    last = np.zeros((len(seconds) + 1, most + 1))  # s, when all are; row k: k clocks done
    for c, took in enumerate(seconds):
        gate = last[np.maximum(c - staleness, 0), staleness]
        at = np.maximum(at, gate[:, None]) + took
        last[c + 1] = at.max(axis=1)
    return last[-1] / len(seconds)


# count_servers: a round with each number of servers is simulated

ELEMENTS, FLEET = 240, 16


def public_rounds(rng):
    """Yield (workers, alpha, ratio): of the weights' time on a link to alpha."""
    for workers in (1, 2, 7):
        for ratio in (0.05, 1.5, 15, 200):
            yield workers, 5e-6, ratio
    for workers, ratio in ((3, 90), (16, 0.3), (16, 8.5), (16, 100)):
        yield workers, 5e-6, ratio


def held_out_rounds(rng):
    for workers in (3, int(rng.integers(4, 9)), int(rng.integers(9, 15)), 16):
        yield workers, float(rng.uniform(1e-6, 1e-4)), float(10 ** rng.uniform(-1.5, 2.3))


def count_servers(rounds):
    def check(function, rng):
        for workers, alpha, ratio in rounds(rng):
            nbytes = 8 * ELEMENTS
            beta = ratio * alpha / nbytes
            yield f"{workers} workers, {nbytes} bytes, alpha={alpha:.3g}, beta={beta:.3g}"
            chosen = function(nbytes, workers, alpha, beta, FLEET)
            if type(chosen) is not int or not 1 <= chosen <= FLEET:
                raise CheckFailure(f"it chose {chosen!r}; servers are 1 to {FLEET}")
            took = [round_seconds(k, workers, alpha, beta) for k in range(1, FLEET + 1)]
            best = int(np.argmin(took))
            if not took[chosen - 1] <= 1.1 * took[best]:
                mine, least = (f"{took[k] * 1e6:.1f} µs" for k in (chosen - 1, best))
                raise CheckFailure(f"{chosen} servers take {mine}, {best + 1} take {least}")

    return check


def round_seconds(servers, workers, alpha, beta):
    """Return the virtual time of one round: each worker visits one server after another."""
    sizes = [len(part) for part in np.array_split(np.empty(ELEMENTS), servers)]

    def program(comm):
        if comm.rank < servers:
            box, status = np.empty(sizes[comm.rank]), Status()
            for _ in range(workers):
                comm.Recv(box, source=ANY_SOURCE, tag=PUSH, status=status)
                comm.Send(box, dest=status.Get_source(), tag=REPLY)
            return
        for k in range(servers):
            server = (comm.rank + k) % servers
            part = np.empty(sizes[server])
            comm.Send(part, dest=server, tag=PUSH)
            comm.Recv(part, source=server, tag=REPLY)

    network = Network(alpha, beta, eager_limit=math.inf)
    return simulate(program, servers + workers, network=network, timeout=LIMIT).time


def in_time(took, allowed, why):
    """The run took at most `allowed` seconds of virtual time."""
    if not took <= SLACK * allowed:
        said = f"it took {took * 1e6:.1f} µs of virtual time, par is {allowed * 1e6:.1f}: {why}"
        raise CheckFailure(said)


def picture(function):
    """Return the space-time diagram of the learner's server and a straggler."""
    from dlpar.figures import space_time

    plan = steady(1, (3, 3, 3), (20, 60, 25))
    out, _ = served(function, plan, np.zeros(10), np.ones(9))
    return space_time(out.trace)


def picture_of_loss(function):
    """Return the space-time diagram of the learner's worker, a push and an answer lost."""
    from dlpar.figures import space_time

    plan = (Drop(1, 0, PUSH, nth=2), Drop(0, 1, ACK, nth=2))
    out = sent(function, Trouble("", (3,)), [np.ones((3, 3))], Faults(plan))
    return space_time(out.trace)


TASKS = (
    Task(
        "serve",
        serve(public_plans),
        serve(held_out_plans),
        points=4,
        par="one answer a pull, at the first moment that the bound allows",
        show=picture,
    ),
    Task(
        "resend",
        resend(public_troubles),
        resend(held_out_troubles),
        points=3,
        par="one push a gradient, and one more a time-out",
        show=picture_of_loss,
    ),
    Task(
        "audit",
        audit(public_cases),
        audit(held_out_cases),
        points=4,
        par="every fault, at the read that shows it first, and no false alarm",
    ),
    Task(
        "choose_staleness",
        choose_staleness(public_laws),
        choose_staleness(held_out_laws),
        points=3,
        par="within 10 % of the best staleness",
    ),
    Task(
        "count_servers",
        count_servers(public_rounds),
        count_servers(held_out_rounds),
        points=2,
        par="within 10 % of the best number of servers",
    ),
)
