"""The checks of lab 16: survivors' weights, bits of sums, whose replica differs, and goodput."""

import math
from collections import Counter
from typing import NamedTuple

import numpy as np

from dlpar import simulate
from dlpar.labs import CheckFailure, Task, same
from dlpar.resilience.goodput import failing_goodput
from dlpar.world import Faults, Kill, Network, work
from dlpar.world.virtual.costs import collective_seconds
from dlpar.world.virtual.ulfm import DETECTION

NETWORK = Network(alpha=5e-6, beta=1e-8)  # 100 MB/s
LIMIT = 4  # s of wall time for one input, which takes milliseconds
SLACK = 1.001  # on virtual time, which is exact: room for the rounding of sums


# survive: whole numbers, so that the sum over the batch is the same whoever adds it up

STEPS, BATCH, D = 20, 12, 6
EXAMPLE = 20e-6  # s of work for the gradient of one example
LOST = 2  # gradients for each death: one under way, one of a step made again, 5 % of STEPS
WAITS = {"work", "Wait", "Send", "Recv", "Sendrecv"}  # spans that are no call of a collective


class Deaths(NamedTuple):
    """Who dies, and where."""

    words: str
    ranks: int
    kills: tuple[Kill, ...] = ()
    slow: int | None = None  # a rank whose work takes five times as long


def last(p, step):
    """Return which Sendrecv is the last of a ring allreduce in step `step`, from 0, of p ranks."""
    return 2 * (p - 1) * (step + 1)


MIDDLE = 1e-3  # s: a time at which everybody is at work
PUBLIC_DEATHS = (
    Deaths("nobody dies", 3),
    Deaths("rank 2 dies as it starts", 3, (Kill(2, "Sendrecv"),)),
    Deaths("rank 0 dies before the last message of a sum", 4, (Kill(0, "Sendrecv", last(4, 5)),)),
    Deaths("rank 1 dies before the last message of all", 3, (Kill(1, "Sendrecv", last(3, 19)),)),
    Deaths("rank 1 dies, and then rank 2 while the others recover", 4,
           (Kill(1, at=MIDDLE), Kill(2, at=MIDDLE + DETECTION + 20e-6))),
    Deaths("rank 2 dies, and then rank 1 right after they shrank", 3,
           (Kill(2, "Sendrecv", last(3, 6)), Kill(1, "Shrink", 1, "after"))),
    Deaths("rank 1 dies, and then rank 0 as the others shrink", 3,
           (Kill(1, "Sendrecv", last(3, 6)), Kill(0, "Shrink", 1, "during"))),
    Deaths("rank 1 dies in the middle of a sum", 3, (Kill(1, "Sendrecv", 27, "during"),), slow=1),
    Deaths("ranks 1 and 3 die, steps apart", 4,
           (Kill(1, "Sendrecv", last(4, 4)), Kill(3, "Sendrecv", last(4, 11), "after"))),
)  # fmt: skip


def public_deaths(rng):
    return PUBLIC_DEATHS


def held_out_deaths(rng):
    """Yield two deaths each, of any ranks: one in the recovery of the other, and steps apart."""
    for micros in (0, 16, 32, 48):
        one, two = (int(r) for r in rng.permutation(3)[:2])
        later = MIDDLE + DETECTION + 1e-6 * (micros + int(rng.integers(16)))
        kills = Kill(one, at=MIDDLE), Kill(two, at=later)
        yield Deaths(f"rank {one} dies, and rank {two} a little later", 3, kills)
    for when, p in (("before", 4), ("during", 3), ("after", 3)):
        one, two = (int(r) for r in rng.permutation(p)[:2])
        at = last(p, int(rng.integers(1, 8))) - int(rng.integers(2))
        later = at + last(p - 1, int(rng.integers(3, 8)))
        first, second = Kill(one, "Sendrecv", at, when), Kill(two, "Sendrecv", later, when)
        if when == "after":
            second = Kill(two, "Shrink", 1, str(rng.choice(["before", "during"])))
        yield Deaths(f"ranks {one} and {two} die", p, (first, second), slow=one)


def survive(cases):
    def check(function, rng):
        for case in cases(rng):
            yield f"{case.words}; {case.ranks} ranks"
            examples = rng.integers(0, 7, (BATCH, D)).astype(float)
            start = rng.integers(-9, 10, D).astype(float)
            out, calls = survived(function, case, examples, start)
            dead = {strike.rank for strike in out.trace.faults}
            want = descended(examples, start, STEPS)
            for rank in sorted(set(range(case.ranks)) - dead):
                same(out.results[rank], want, who=f"rank {rank}")
                lost, allowed = calls[rank] - STEPS, LOST * len(dead)
                if lost > allowed:
                    said = f"rank {rank} computed {calls[rank]} gradients for {STEPS} steps"
                    raise CheckFailure(f"{said}: lost work, par is {STEPS + allowed}")
            few_agreements(out.trace, dead, 2 + 5 * len(dead))

    return check


def survived(function, case, examples, start, steps=STEPS):
    """Simulate the learner's ranks; return the Outcome, and how many gradients each computed."""
    calls = Counter()
    starts = [start.copy() for _ in range(case.ranks)]

    def program(comm):
        def gradient(w, t, rank, size):
            asked(w, t, rank, size, steps)
            calls[comm.rank] += 1
            share = examples[rank::size]
            work(comm, seconds=EXAMPLE * len(share))
            return terms(share, w, t).sum(axis=0)

        return function(comm, starts[comm.rank], steps, gradient)

    speeds = [0.2 if rank == case.slow else 1.0 for rank in range(case.ranks)]
    try:
        out = simulate(
            program, case.ranks, network=NETWORK, timeout=LIMIT - 1, speeds=speeds,
            faults=Faults(case.kills), ulfm=True,
        )  # fmt: skip
    except TimeoutError as error:
        if "did not end" not in str(error):
            raise
        said = "it did not end: does every survivor acknowledge who is dead before it agrees?"
        raise CheckFailure(said) from None
    except RuntimeError as error:
        if "never struck" not in str(error):
            raise
        said = "it was over before everyone died who should: do all survivors shrink, and finish?"
        raise CheckFailure(f"{said} ({error})") from None
    for rank, now in enumerate(starts):
        if not np.array_equal(now, start):
            raise CheckFailure(f"rank {rank} changed the weights that it was given: work on a copy")
    return out, calls


def asked(w, t, rank, size, steps):
    """Hold the arguments of `gradient` to what it takes."""
    if not (isinstance(w, np.ndarray) and w.shape == (D,) and w.dtype == float):
        raise CheckFailure(f"gradient takes weights of shape ({D},), float64")
    if not all(type(number) is int for number in (t, rank, size)):
        raise CheckFailure("gradient takes a step, a rank and a size, three ints")
    if not (0 <= t < steps and 0 <= rank < size):
        raise CheckFailure(f"it asked for step {t} of {steps}, share {rank} of {size}")


def terms(examples, w, t):
    """Return every example's gradient, (k, D), whole numbers."""
    return np.mod(examples * (t + 1) + w, 7) - 3


def descended(examples, start, steps):
    """Return what one machine would have."""
    w = start.copy()
    for t in range(steps):
        w -= terms(examples, w, t).sum(axis=0)
    return w


def few_agreements(trace, dead, par):
    """No survivor makes more than `par` collective calls: nobody agrees in every step."""
    made = Counter(span.rank for span in trace.spans if span.what not in WAITS)
    for rank, calls in made.items():
        if rank not in dead and calls > par:
            said = f"rank {rank} made {calls} collective calls, par is {par}"
            raise CheckFailure(f"{said}: 2, and 5 for each death, not one in every step")


# reproducible_sum: the same terms, dealt to other ranks in another order

WORST = 2.0**-40  # of the largest term: what may be lost of each term

KINDS = {
    "normal": lambda rng, m: rng.normal(size=m),
    "all of one sign": lambda rng, m: rng.uniform(0.5, 1, m),
    "all negative": lambda rng, m: -rng.uniform(0.5, 1, m) * 2.0**21,
    "large and small": lambda rng, m: rng.normal(size=m) * 10 ** rng.uniform(-6, 6, m),
    "large ones that cancel": lambda rng, m: cancelling(rng, m, 2.0**60),
    "small ones that cancel": lambda rng, m: cancelling(rng, m, 2.0**-90),
    "tiny": lambda rng, m: rng.normal(size=m) * 1e-42,
    "huge": lambda rng, m: rng.choice([-1, 1], m) * rng.uniform(1e37, 3e38 / m, m),
    "zeros": lambda rng, m: np.zeros(m) * rng.choice([-1, 1], m),
}


def cancelling(rng, m, scale):
    """Return small terms, and few large ones with both signs."""
    large = rng.uniform(1, 2, m // 4) * scale
    rest = rng.normal(size=m - 2 * (m // 4)) * scale * 2.0**-26
    return rng.permutation(np.concatenate([large, -large, rest]))


class Deal(NamedTuple):
    """Terms, and the ways in which they are dealt to ranks."""

    words: str
    kinds: tuple[str, ...]  # of the columns
    terms: int
    ranks: tuple[int, ...]


EVERYTHING = tuple(kind for kind in KINDS if kind != "huge")
PUBLIC_DEALS = (
    Deal("one term a rank", ("normal",) * 8, 4, (4,)),
    Deal("gradients", ("normal",) * 32, 60, (1, 2, 3, 5)),
    Deal("columns of all kinds", EVERYTHING, 40, (1, 3, 4)),
    Deal("large terms that cancel", ("large ones that cancel",) * 6, 64, (1, 2, 8)),
    Deal("more ranks than terms", ("normal", "large and small"), 3, (1, 7)),
    Deal("near the largest float", ("huge", "normal"), 8, (1, 2)),
    Deal("many terms of one sign", ("all of one sign",) * 2, 2**15, (1, 4)),
)


def public_deals(rng):
    return PUBLIC_DEALS


def held_out_deals(rng):
    for m in (int(rng.integers(5, 12)), 50, int(rng.integers(100, 200))):
        kinds = tuple(str(kind) for kind in rng.choice(EVERYTHING, 12))
        ranks = 1, int(rng.integers(2, 6)), int(rng.integers(6, 10))
        yield Deal("columns of all kinds", kinds, m, ranks)
    yield Deal("small terms that cancel", ("small ones that cancel",) * 5, 48, (1, 6))


def reproducible_sum(deals):
    def check(function, rng):
        for deal in deals(rng):
            m, n = deal.terms, len(deal.kinds)
            columns = [KINDS[kind](rng, m) for kind in deal.kinds]
            x = np.stack(columns, axis=1).astype(np.float32)
            first = None
            for p in (*deal.ranks, deal.ranks[-1]):
                yield f"{deal.words}: {m} terms, {n} numbers each, {p} ranks"
                got = summed(function, dealt(rng, x, p), rng.uniform(0, 50e-6, p))
                if first is None:
                    first = got
                    near_enough(got, x)
                elif got.tobytes() != first.tobytes():
                    at = int(np.argmax(got.view(np.uint32) != first.view(np.uint32)))
                    said = f"number {at} is {got[at]!r} here and {first[at]!r} on {deal.ranks[0]}"
                    raise CheckFailure(f"other bits: {said} ranks or in another order")

    return check


def dealt(rng, x, p):
    """Return p arrays of terms: all of x, in another order, cut at random."""
    cuts = np.sort(rng.integers(0, len(x) + 1, p - 1))
    if p == len(x):
        cuts = np.arange(1, p)
    return np.split(x[rng.permutation(len(x))], cuts)


def summed(function, parts, late):
    """Simulate the learner's sum; return what all ranks have."""
    p, n = len(parts), parts[0].shape[1]
    given = [part.copy() for part in parts]

    def program(comm):
        work(comm, seconds=float(late[comm.rank]))
        return function(given[comm.rank], comm)

    out = simulate(program, p, network=NETWORK, timeout=LIMIT)
    for rank in range(p):
        got = out.results[rank]
        if not (isinstance(got, np.ndarray) and got.shape == (n,) and got.dtype == np.float32):
            what = f"{got.dtype} {got.shape}" if isinstance(got, np.ndarray) else type(got).__name__
            raise CheckFailure(f"rank {rank} returned {what}, not float32 ({n},)")
        if got.tobytes() != out.results[0].tobytes():
            raise CheckFailure(f"rank {rank} has other bits than rank 0")
        if not np.array_equal(given[rank], parts[rank]):
            raise CheckFailure(f"rank {rank}'s terms were changed: work on a copy")
    ring = 2 * (p - 1) * NETWORK.alpha + 2 * (p - 1) / p * 8 * n * NETWORK.beta
    one = max(ring, collective_seconds("Allreduce", p, 8 * n, NETWORK))
    in_time(out.time - late.max(), 2 * one, f"two allreduces of {8 * n} bytes")
    return out.results[0]


def near_enough(got, x):
    """Hold each sum to WORST of the largest term for each term, and float32's own rounding."""
    for i, column in enumerate(x.T.astype(float)):
        exact = math.fsum(column)
        allowed = len(column) * WORST * np.abs(column).max() + float(
            np.spacing(np.float32(abs(exact)))
        )
        off = abs(float(got[i]) - exact)
        if not off <= allowed:
            said = f"number {i} is {got[i]!r} and should be {exact:.9g}"
            raise CheckFailure(f"{said}: it is off by {off:.3g}, par is {allowed:.3g}")


# find_corrupted: equal replicas, and one in which bits have flipped


class Damage(NamedTuple):
    """What happened to one replica."""

    words: str
    ranks: int
    n: int
    kind: str | None = None
    who: int | None = None  # drawn, if None
    where: int | None = None


PUBLIC_DAMAGE = (
    Damage("all is well", 4, 100),
    Damage("the last bit of a number", 3, 4096, "low"),
    Damage("two replicas that differ", 2, 64, "low"),
    Damage("a bit of an exponent", 3, 1000, "high"),
    Damage("the sign of a zero", 3, 300, "sign"),
    Damage("the first number", 3, 257, "low", where=0),
    Damage("the last number", 3, 257, "low", where=256),
    Damage("a bit set here, and the same one cleared there", 3, 512, "balanced"),
    Damage("two numbers changed places", 3, 600, "swapped"),
    Damage("the same bit of two numbers", 3, 600, "twice"),
    Damage("all is well, and some weights are nan", 3, 100, "nan"),
    Damage("rank 0 is wrong", 3, 200, "low", who=0),
    Damage("a model of one weight", 3, 1, "low"),
    Damage("all is well, and there is one replica", 1, 50),
    Damage("most numbers of a replica", 5, 128, "many"),
)


def public_damage(rng):
    return PUBLIC_DAMAGE


def held_out_damage(rng):
    for kind in ("low", "high", "sign", "balanced", "swapped", "twice", "nan", "many"):
        yield Damage(f"kind {kind}", int(rng.integers(3, 6)), int(rng.integers(60, 3000)), kind)
    yield Damage("nothing", int(rng.integers(3, 6)), 500)
    yield Damage("two replicas", 2, int(rng.integers(60, 3000)), "swapped")


def find_corrupted(damages):
    def check(function, rng):
        for damage in damages(rng):
            yield f"{damage.words}; {damage.ranks} ranks, {damage.n} weights"
            replicas, want = damaged(rng, damage)
            given = [replica.copy() for replica in replicas]
            out = simulate(
                lambda comm, given=given: function(given[comm.rank], comm),
                damage.ranks, network=NETWORK, timeout=LIMIT,
            )  # fmt: skip
            for rank, got in enumerate(out.results):
                if got != want or type(got) is not type(want):
                    raise CheckFailure(f"rank {rank} returned {str(got)[:60]}, not {want}")
            rounds = 1 if want is None else 1 + (damage.n - 1).bit_length()
            one = collective_seconds("Allgather", damage.ranks, 8, NETWORK)
            in_time(out.time, rounds * one, f"{rounds} Allgather(s) of 8 bytes a rank")
            if any(a.tobytes() != b.tobytes() for a, b in zip(given, replicas, strict=True)):
                raise CheckFailure("the weights were changed: only look at them")

    return check


def damaged(rng, damage):
    """Return the replicas, and what is to be found: (rank or None, index), or None."""
    p, n, kind = damage.ranks, damage.n, damage.kind
    whole = rng.normal(size=n).astype(np.float32)
    who = int(rng.integers(p)) if damage.who is None else damage.who
    i, j = sorted(int(k) for k in rng.permutation(n)[:2]) if n > 1 else (0, 0)
    i = i if damage.where is None else damage.where
    if kind == "sign":
        whole[i] = 0.0
    if kind == "nan":
        whole[[i, j]] = np.nan
    if kind == "balanced":
        whole[[i, j]] = 1.0, np.float32(1 + 2.0**-20)  # bit 3 is clear, and set
    replicas = [whole.copy() for _ in range(p)]
    if kind in (None, "nan"):
        return replicas, None
    bits = replicas[who].view(np.uint32)
    if kind == "swapped":
        bits[[i, j]] = bits[[j, i]]
    elif kind == "many":
        bits[i:] ^= np.uint32(2**9)
    else:
        at = {"low": 0, "high": 24, "sign": 31, "balanced": 3, "twice": 12}[kind]
        where = [i, j] if kind in ("balanced", "twice") else [i]
        bits[where] ^= np.uint32(2**at)
    return replicas, (who if p > 2 else None, i)


# choose_interval: a record of failures, judged on new ones of a machine of another size

HOUR, DAY = 3600.0, 86_400.0  # s
GAPS = 30_000


class Plan(NamedTuple):
    """A record, the machine to come, and what a checkpoint and a restart take."""

    stops: int
    seconds: float
    gpus: int
    more: int
    save: float
    restart: float


def public_records(rng):
    """Yield Llama 3's record as it is and for other machines, and checkpoints of all lengths."""
    yield Plan(419, 54 * DAY, 16_384, 16_384, 60.0, 600.0)
    yield Plan(419, 54 * DAY, 16_384, 100_000, 60.0, 300.0)
    yield Plan(419, 54 * DAY, 16_384, 1_000_000, 120.0, 60.0)
    yield Plan(419, 54 * DAY, 16_384, 2_000, 300.0, 600.0)
    yield Plan(20, 10 * DAY, 1_000, 1_000, 2 * HOUR, 0.0)
    yield Plan(50, 5 * DAY, 500, 4_000, 900.0, 30.0)
    yield Plan(100, 100 * HOUR, 64, 128, 0.5 * HOUR, 0.0)


def held_out_records(rng):
    for ratio in (1e-3, 0.01, 0.1, 0.4, 0.8):
        stops, seconds = int(rng.integers(20, 900)), float(rng.uniform(5, 90) * DAY)
        gpus, more = (int(n) for n in rng.integers(100, 20_000, 2))
        mean = seconds / stops * gpus / more
        yield Plan(stops, seconds, gpus, more, ratio * mean, float(rng.uniform(0, 0.3) * mean))


def choose_interval(records):
    def check(function, rng):
        for plan in records(rng):
            yield (
                f"{plan.stops} stops in {plan.seconds / DAY:.1f} days on {plan.gpus} GPUs; "
                f"{plan.more} GPUs, a checkpoint takes {plan.save:.4g} s, "
                f"a restart {plan.restart:.4g} s"
            )
            mean = plan.seconds / plan.stops * plan.gpus / plan.more
            gaps = rng.exponential(mean, GAPS)
            chosen = function(*plan)
            if type(chosen) not in (int, float) or not chosen > 0:
                raise CheckFailure(f"it returned {str(chosen)[:60]}, not seconds above 0")
            tries = mean * np.geomspace(0.02, 2, 30)
            best = max(failing_goodput(tau, plan.save, plan.restart, gaps) for tau in tries)
            mine = failing_goodput(chosen, plan.save, plan.restart, gaps)
            if not mine >= 0.99 * best:
                said = f"every {chosen:.4g} s the goodput is {mine:.2%}"
                raise CheckFailure(f"{said}; the best is {best:.2%}, par is 99 % of that")

    return check


def in_time(took, allowed, why):
    """The run took at most `allowed` seconds of virtual time."""
    if not took <= SLACK * allowed + 1e-12:
        said = f"it took {took * 1e6:.1f} µs of virtual time, par is {allowed * 1e6:.1f}: {why}"
        raise CheckFailure(said)


def picture(function):
    """Return the space-time diagram of the learner's survivors."""
    from dlpar.figures import space_time

    case = Deaths("", 4, (Kill(2, "Sendrecv", last(4, 1)),))
    out, _ = survived(function, case, np.ones((BATCH, D)), np.zeros(D), steps=4)
    return space_time(out.trace)


TASKS = (
    Task(
        "survive",
        survive(public_deaths),
        survive(held_out_deaths),
        points=5,
        par="two deaths cost at most 10 % of the work, and few agreements",
        seconds=30,
        show=picture,
    ),
    Task(
        "reproducible_sum",
        reproducible_sum(public_deals),
        reproducible_sum(held_out_deals),
        points=4,
        par="the same bits for every number of ranks, in the time of two allreduces",
    ),
    Task(
        "find_corrupted",
        find_corrupted(public_damage),
        find_corrupted(held_out_damage),
        points=3,
        par="one Allgather of 8 bytes a rank, and lg n more if something is wrong",
    ),
    Task(
        "choose_interval",
        choose_interval(public_records),
        choose_interval(held_out_records),
        points=2,
        par="99 % of the best goodput",
    ),
)
