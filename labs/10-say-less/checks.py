"""The checks of lab 10: what was told in so many bytes, and what of it is still owed."""

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from dlpar import simulate
from dlpar.labs import CheckFailure, Task, close
from dlpar.world import Network, work
from dlpar.world.phantom import phantom

NETWORK = Network(alpha=5e-6, beta=1e-9)
LIMIT = 4  # s of wall time for one input, which takes milliseconds
MESSAGES = {"Send", "Ssend", "Isend", "Recv", "Irecv", "Sendrecv", "Sendrecv_replace", "Wait",
            "Waitall", "Waitany", "Test", "Probe", "Iprobe"}  # fmt: skip


def rounded(v):
    """Return v, (blocks, length), as one bit an element and two means a block tell it."""
    up = v >= 0
    means = []
    for side in (up, ~up):
        total = np.where(side, v, 0).sum(axis=1, keepdims=True)
        means.append(total / np.maximum(side.sum(axis=1, keepdims=True), 1))
    return np.where(up, *means).astype(v.dtype)


def shares(blocks, p):
    """Return the slices of blocks that p ranks own."""
    ends = np.cumsum([0, *(len(part) for part in np.array_split(np.empty(blocks), p))]).tolist()
    return [slice(a, b) for a, b in pairwise(ends)]


class Memory:
    """What is owed for a layer: `worker`, one for each rank, and `owner`, of all blocks."""

    def __init__(self, p, shape, dtype):
        self.worker = [np.zeros(shape, dtype) for _ in range(p)]
        self.owner = np.zeros(shape, dtype)

    def step(self, grads, margin=0.0):
        """Return the sum that is told; None, and keep all, if a sign hangs on `margin`."""
        before = [g + owed for g, owed in zip(grads, self.worker, strict=True)]
        told = [rounded(v) for v in before]
        total = sum(told[1:], start=told[0]) + self.owner
        heard = np.any(told, axis=0)  # where nobody told anything but 0, the total is 0, exactly
        if (np.abs(total[heard]) < margin).any():
            return None
        if any((np.abs(v[v != 0]) < margin).any() for v in before):
            return None
        said = rounded(total)
        self.worker = [v - q for v, q in zip(before, told, strict=True)]
        self.owner = total - said
        return said


# Task 1: one bit, to a budget

MARGIN = 1e-4  # gradients are drawn so that no sign depends on how sums are rounded


class Stream(NamedTuple):
    words: str
    ranks: int
    layers: tuple[tuple[int, int], ...]  # (blocks, length) of each
    steps: int
    kind: str = "plain"

    def __str__(self):
        return f"{self.words}: {self.ranks} ranks, layers {list(self.layers)}, {self.steps} steps"


def public_streams(_):
    yield Stream("one step", 2, ((4, 8),), 1)
    yield Stream("bits that fill no byte", 3, ((6, 5),), 1)
    yield Stream("a second step", 2, ((4, 8),), 2)
    yield Stream("a stream", 3, ((6, 10),), 4)
    yield Stream("two layers of one shape", 2, ((4, 6), (4, 6)), 3)
    yield Stream("layers that differ", 4, ((9, 7), (5, 33), (8, 1)), 2)
    yield Stream("more ranks than blocks", 4, ((3, 9),), 2)
    yield Stream("one rank", 1, ((3, 6),), 3)
    yield Stream("blocks of one sign, and of zeros", 3, ((6, 6),), 2, "one sign")
    yield Stream("zeros among others", 3, ((5, 7),), 1, "whole")
    yield Stream("small beside large", 2, ((4, 12),), 5, "small")


def held_out_streams(rng):
    for p in (2, 3, 4):
        layers = tuple((int(rng.integers(2, 9)), int(rng.integers(3, 20))) for _ in range(2))
        yield Stream("a stream", p, layers, 3)
    yield Stream("one sign", 3, ((7, 5),), 2, "one sign")
    yield Stream("a long stream", 2, ((5, 11),), 9, "small")


def gradients_of(stream, rng):
    """Return (grads[step][rank][layer], told[step][layer])."""
    means = [rng.normal(0, 0.5, shape) for shape in stream.layers]
    memories = [Memory(stream.ranks, shape, np.float32) for shape in stream.layers]
    grads, told = [], []
    for _ in range(stream.steps):
        layers, said = [], []
        for mean, memory in zip(means, memories, strict=True):
            total = None
            while total is None:
                drawn = [drawn_like(mean, stream.kind, rng) for _ in range(stream.ranks)]
                total = memory.step(drawn, MARGIN)
            layers.append(drawn)
            said.append(total)
        grads.append([[layer[r] for layer in layers] for r in range(stream.ranks)])
        told.append(said)
    return grads, told


def drawn_like(mean, kind, rng):
    """Return a rank's gradient, float32, around `mean`."""
    g = mean + rng.normal(0, 0.5, mean.shape)
    if kind == "small":
        g[:, ::2] *= 0.05
    if kind == "whole":
        g = rng.integers(-2, 4, mean.shape)
    if kind == "one sign":
        g = np.abs(g)
        g[0] = 0
        g[1] *= -1
    return g.astype(np.float32)


def one_bit_sum(streams):
    def check(function, rng):
        for stream in streams(rng):
            yield str(stream)
            grads, told = gradients_of(stream, rng)
            mine = [[[g.copy() for g in layers] for layers in step] for step in grads]
            out = simulate(bits_sent, stream.ranks, (function, mine), NETWORK, timeout=LIMIT)
            for t, r, i in np.ndindex(stream.steps, stream.ranks, len(stream.layers)):
                got, who = out.results[r][t][i], f"step {t}, layer {i}: rank {r}"
                close(got, told[t][i], 1e-3, 1e-4, who)
                if got.tobytes() != out.results[0][t][i].tobytes():
                    raise CheckFailure(f"{who} was told other bits than rank 0")
                if not np.array_equal(mine[t][r][i], grads[t][r][i]):
                    raise CheckFailure(f"{who}'s gradient was changed: work on a copy")
            to_budget(out.trace, stream)

    return check


def bits_sent(comm, function, grads):
    """Return what the learner's function tells in each step, a list of layers each."""
    owed, told = None, []
    for step in grads:
        answer = function(step[comm.rank], owed, comm)
        if not (isinstance(answer, list | tuple) and len(answer) == 2):
            raise CheckFailure("return two things: the sums, and what is owed")
        sums, owed = answer
        if not (isinstance(sums, list | tuple) and len(sums) == len(step[comm.rank])):
            raise CheckFailure(f"the sums are a list of {len(step[comm.rank])} arrays, one a layer")
        told.append(sums)
    return told


def budget(stream):
    """Return the bytes that each rank may send in all steps, a list."""
    total = [0] * stream.ranks
    for blocks, length in stream.layers:
        owned = [s.stop - s.start for s in shares(blocks, stream.ranks)]
        sizes = [-(-b * length // 8) + 8 * b for b in owned]
        for r, own in enumerate(sizes):
            total[r] += stream.steps * (sum(sizes) - own + (stream.ranks - 1) * own)
    return total


def to_budget(trace, stream):
    for span in trace.spans:
        if span.what not in MESSAGES:
            raise CheckFailure(f"rank {span.rank} called {span.what}: use messages")
    most = 2 * (stream.ranks - 1) * len(stream.layers) * stream.steps
    for r, allowed in enumerate(budget(stream)):
        if trace.bytes_sent[r] > allowed:
            said = f"rank {r} sent {trace.bytes_sent[r]} bytes; the budget is {allowed}"
            raise CheckFailure(said)
        if trace.messages_sent[r] > most:
            raise CheckFailure(f"rank {r} sent {trace.messages_sent[r]} messages; par is {most}")


# Task 2: judge a compressor by samples

DRAWS = 5_000  # for each vector
CLEAR = 1 / 5  # of `largest`: a bias is at least so large, or there is none


class Compressor(NamedTuple):
    """A compressor of which all is known: formulas of v, (n,)."""

    draw: object  # (v, times, rng) -> (times, n)
    mean: object  # v -> (n,)
    error: object  # v -> the mean of |v - told|^2
    largest: object  # v -> a bound on |told|


def certain(told, largest=None):
    """Return the Compressor that always tells `told(v)`."""
    return Compressor(
        lambda v, times, rng: np.tile(told(v), (times, 1)),
        told,
        lambda v: ((v - told(v)) ** 2).sum(),
        largest or (lambda v: np.abs(told(v)).max()),
    )


def levels(count, scale, only_up=False):
    """Return the one that rounds |v| up or down by dice to `count` levels of scale(v)."""

    def parts(v):
        unit = (scale(v) or 1.0) / count
        low = np.floor(np.abs(v) / unit)
        up = np.abs(v) / unit - low
        return unit, low, np.where(v < 0, 0, up) if only_up else up

    def draw(v, times, rng):
        unit, low, up = parts(v)
        return np.sign(v) * unit * (low + (rng.random((times, v.size)) < up))

    def mean(v):
        unit, low, up = parts(v)
        return np.sign(v) * unit * (low + up)

    def error(v):
        unit, _, up = parts(v)
        return (unit**2 * up * (1 - up)).sum() + ((v - mean(v)) ** 2).sum()

    return Compressor(draw, mean, error, scale)


def some_entries(share, scaled):
    """Return the one that tells each entry with probability `share`, others as 0."""
    told = 1 / share if scaled else 1.0

    def error(v):
        return (v**2).sum() * (share * (1 - told) ** 2 + 1 - share)

    return Compressor(
        lambda v, times, rng: told * v * (rng.random((times, v.size)) < share),
        lambda v: told * share * v,
        error,
        lambda v: told * np.abs(v).max(),
    )


def all_or_nothing(chance):
    """Return the one that tells v / chance, or nothing."""
    return Compressor(
        lambda v, times, rng: (rng.random((times, 1)) < chance) * v / chance,
        lambda v: v,
        lambda v: (v**2).sum() * (1 / chance - 1),
        lambda v: np.abs(v).max() / chance,
    )


def signs_by_dice():
    """Return the one that tells max|v| or -max|v|, with the chances that make it unbiased."""

    def draw(v, times, rng):
        return np.where(rng.random((times, v.size)) < (1 + v / peak(v)) / 2, peak(v), -peak(v))

    return Compressor(draw, np.copy, lambda v: (peak(v) ** 2 - v**2).sum(), peak)


def noise(width, shift=0.0):
    """Return the one that adds noise up to width max|v|, and a shift that cancels over v."""

    def mean(v):
        signs = np.where(np.arange(v.size) % 2, 1.0, -1.0) * (np.arange(v.size) < v.size // 2 * 2)
        return v + shift * np.abs(v).max() * signs

    def draw(v, times, rng):
        return mean(v) + width * np.abs(v).max() * rng.uniform(-1, 1, (times, v.size))

    def error(v):
        spread = width * np.abs(v).max()
        return v.size * spread**2 / 3 + ((v - mean(v)) ** 2).sum()

    return Compressor(draw, mean, error, lambda v: (1 + width + shift) * np.abs(v).max())


def top(k):
    def told(v):
        kept = np.argsort(-np.abs(v), kind="stable")[:k]
        out = np.zeros_like(v)
        out[kept] = v[kept]
        return out

    return certain(told)


def norm(v):
    return float(np.sqrt((v**2).sum()))


def peak(v):
    return float(np.abs(v).max())


FAMILY = {
    "full floats": certain(lambda v: v.copy()),
    "nine levels by dice": levels(8, peak),
    "three levels by dice, of the norm": levels(1, norm),
    "three levels, dice for positive entries only": levels(1, peak, only_up=True),
    "a quarter of the entries, times four": some_entries(0.25, scaled=True),
    "a quarter of the entries as they are": some_entries(0.25, scaled=False),
    "four in five entries, scaled": some_entries(0.8, scaled=True),
    "the two largest entries": top(2),
    "signs by dice": signs_by_dice(),
    "signs": certain(lambda v: np.sign(v) * np.ones_like(v)),
    "signs times the mean": certain(lambda v: np.sign(v) * np.abs(v).mean()),
    "one bit and two means": certain(lambda v: rounded(v[None])[0]),
    "four fifths of it": certain(lambda v: 0.8 * v),
    "two and a half times": certain(lambda v: 2.5 * v),
    "nothing": certain(np.zeros_like, peak),
    "twice or not at all": all_or_nothing(0.5),
    "rarely, and then all at once": all_or_nothing(1 / 20_000),
    "a little noise": noise(0.2),
    "much noise": noise(3.0),
    "a shift that cancels over the entries": noise(0.1, shift=0.4),
}


def public_judged(rng):
    """Yield (name, n, kind of vectors)."""
    for name in FAMILY:
        yield name, 5, "plain"
    yield "signs", 6, "small"
    yield "two and a half times", 5, "nought first"
    yield "the two largest entries", 6, "sparse first"
    yield "one bit and two means", 6, "nought first"
    yield "nine levels by dice", 6, "sparse first"
    yield "a quarter of the entries as they are", 6, "sparse first"
    for _ in range(2):
        yield "rarely, and then all at once", 5, "plain"
        yield "a quarter of the entries, times four", 5, "plain"
    for _ in range(6):
        yield "signs by dice", 6, "one large"


def held_out_judged(rng):
    for name in FAMILY:
        yield name, int(rng.integers(4, 7)), "plain"
    yield "the two largest entries", 6, "sparse first"
    yield "nine levels by dice", 5, "nought first"
    yield "three levels by dice, of the norm", 6, "sparse first"
    yield "signs times the mean", 5, "sparse first"


def truth(compressor, vectors):
    """Return (unbiased, contracts), or None if it is not clear on these vectors."""
    largest = max(compressor.largest(v) for v in vectors)
    bias = max(np.abs(compressor.mean(v) - v).max() for v in vectors)
    ratios = [compressor.error(v) / max((v**2).sum(), 1e-30) for v in vectors]
    unbiased, contracts = bias < 1e-12, max(ratios) <= 0.9
    if not unbiased and bias < CLEAR * largest:
        return None
    return None if 0.9 < max(ratios) < 1 - 1e-9 else (unbiased, contracts)


def vectors_for(compressor, n, kind, rng):
    """Return (three vectors, truth on them); the last is a plain one."""
    for _ in range(1000):
        vectors = list(rng.normal(size=(3, n)))
        if kind == "small":
            vectors = [0.1 * v for v in vectors]
        if kind == "one large":
            vectors = [np.where(np.arange(n), 0.02 * v, 1.0) for v in vectors]
        if kind == "sparse first":
            vectors[0][rng.permutation(n)[2:]] = 0
        if kind == "nought first":
            vectors[0][:] = 0
        is_so = truth(compressor, vectors)
        if is_so is not None:
            return vectors, is_so
    raise AssertionError("no vectors on which it is clear")


def judge(cases):
    def check(function, rng):
        for name, n, kind in cases(rng):
            compressor = FAMILY[name]
            vectors, is_so = vectors_for(compressor, n, kind, rng)
            yield f"{name}: n={n}, vectors: {kind}"
            draw = counted(compressor, n, DRAWS * len(vectors), rng)
            largest = float(max(compressor.largest(v) for v in vectors))
            answer = function(draw, [v.copy() for v in vectors], largest)
            judged(answer, is_so)

    return check


def counted(compressor, n, most, rng):
    left = [most]

    def draw(v, times):
        if not (isinstance(v, np.ndarray) and v.shape == (n,) and v.dtype.kind == "f"):
            raise CheckFailure(f"draw(v, times): v is an array of {n} floats")
        if type(times) is not int or times < 1:
            raise CheckFailure(f"draw(v, times): times is 1 or more, not {times!r}")
        left[0] -= times
        if left[0] < 0:
            raise CheckFailure(f"more than {DRAWS:,} draws for each vector")
        return compressor.draw(v, times, rng)

    return draw


def judged(answer, is_so):
    if not (isinstance(answer, list | tuple) and list(map(type, answer)) == [bool, bool]):
        raise CheckFailure(f"it returned {answer!r:.60}; a judgement is (unbiased, contracts)")
    names = ("is unbiased", "is biased"), ("contracts", "does not contract")
    for said, so, (yes, no) in zip(answer, is_so, names, strict=True):
        if said and not so:
            raise CheckFailure(f"overlooked: it {no}")
        if so and not said:
            raise CheckFailure(f"a false alarm: it {yes}")


# Task 3: the scheme for a link


class Link(NamedTuple):
    words: str
    ranks: int
    alpha: float  # s a message
    beta: float  # s a byte
    compute: float  # s a step
    weights: int
    speed: float = 1.0  # of the codecs

    def __str__(self):
        size = f"{self.weights / 1e6:.3g} million weights"
        wire = f"alpha={self.alpha:.2g}, beta={self.beta:.2g}"
        return f"{self.words}: {self.ranks} ranks, {size}, {wire}, compute {self.compute:.2g} s"


def schemes_for(link):
    """Return the schemes, a list of dicts: name, way, nbytes, encode, decode (s), steps."""
    n = link.weights
    rows = (
        ("floats", "ring", 4 * n, 0, 0, 1.0),
        ("halves", "ring", 2 * n, 0.3, 0.2, 1.0),
        ("one bit", "owners", n // 8, 0.7, 0.3, 1.08),
        ("four levels", "gather", n // 4, 1.5, 0.4, 1.12),
        ("one in a hundred", "gather", 8 * (n // 100), 6.0, 0.02, 1.25),
    )  # ns a weight
    return [
        {"name": name, "way": way, "nbytes": nbytes, "encode": 1e-9 * n * encode / link.speed,
         "decode": 1e-9 * n * decode / link.speed, "steps": steps}
        for name, way, nbytes, encode, decode, steps in rows
    ]  # fmt: skip


def public_links(_):
    million = 1_000_000
    yield Link("NVLink", 8, 3e-6, 4e-12, 0.05, 46 * million)
    yield Link("100 Gb/s", 8, 5e-6, 8e-11, 0.05, 46 * million)
    yield Link("25 Gb/s", 4, 1e-5, 3.2e-10, 0.1, 46 * million)
    yield Link("10 Gb/s", 8, 2e-5, 8e-10, 0.1, 46 * million)
    yield Link("1 Gb/s", 4, 5e-5, 8e-9, 0.1, 46 * million)
    yield Link("1 Gb/s, long steps", 4, 5e-5, 8e-9, 20.0, 46 * million)
    yield Link("two ranks at 1 Gb/s", 2, 5e-5, 8e-9, 0.05, 46 * million)
    yield Link("phones", 10, 0.05, 8e-7, 0.3, 2 * million)
    yield Link("a small model, far away", 8, 0.05, 8e-9, 0.01, 100_000)
    yield Link("a small model, near", 8, 5e-6, 8e-11, 0.001, 100_000)
    yield Link("10 Gb/s, slow codecs", 8, 2e-5, 8e-10, 0.1, 46 * million, 0.05)
    yield Link("1 Gb/s, fast codecs", 12, 5e-5, 8e-9, 0.1, 46 * million, 20.0)
    yield Link("25 Gb/s, long steps", 8, 1e-5, 3.2e-10, 2.0, 46 * million)
    yield Link("far away", 6, 0.1, 8e-8, 0.05, 5 * million)
    yield Link("a dozen phones, near", 12, 0.05, 7e-9, 0.02, 600_000)
    yield Link("8 Gb/s, codecs on one core", 5, 5e-5, 9.6e-10, 0.015, 46 * million, 0.355)
    yield Link("two ranks, codecs on one core", 2, 1.2e-5, 1.18e-9, 0.052, 46 * million, 0.244)
    yield Link("a slow link for two", 2, 1e-3, 2e-6, 0.1, 5 * million)


def held_out_links(rng):
    for p in (2, 3, 4, 6, 8, 8, 12, 12):
        alpha, beta = 10 ** rng.uniform(-5.5, -1), 10 ** rng.uniform(-10, -6.5)
        compute, weights = 10 ** rng.uniform(-2, 1), int(10 ** rng.uniform(5, 8))
        yield Link("some link", p, alpha, beta, compute, weights, 10 ** rng.uniform(-1, 1.3))


def choose_scheme(links):
    def check(function, rng):
        for link in links(rng):
            yield str(link)
            schemes = schemes_for(link)
            given = [dict(scheme) for scheme in schemes]
            name = function(given, link.ranks, link.alpha, link.beta, link.compute)
            took = {scheme["name"]: time_to_loss(scheme, link) for scheme in schemes}
            if not isinstance(name, str) or name not in took:
                raise CheckFailure(f"it chose {name!r:.60}; schemes are {', '.join(took)}")
            best = min(took, key=took.get)
            if not took[name] <= 1.03 * took[best]:
                mine, least = (f"{took[k]:.4g} s" for k in (name, best))
                raise CheckFailure(f"{name!r} takes {mine}, {best!r} takes {least}")

    return check


def time_to_loss(scheme, link):
    """Return the virtual time of a step, times how many steps it takes beside floats, in s."""
    network = Network(link.alpha, link.beta, eager_limit=math.inf)
    out = simulate(step_of, link.ranks, (scheme, link.compute), network, timeout=LIMIT)
    return scheme["steps"] * out.time


def step_of(comm, scheme, compute):
    work(comm, seconds=compute)
    p, encode, decode = comm.size, scheme["encode"], scheme["decode"]
    right, left = (comm.rank + 1) % p, (comm.rank - 1) % p
    part = phantom(scheme["nbytes"] if scheme["way"] == "gather" else scheme["nbytes"] // p,
                   np.uint8)  # fmt: skip

    def pass_on(before=0.0, after=0.0):
        for _ in range(p - 1):
            work(comm, seconds=before)
            comm.Sendrecv(part, dest=right, recvbuf=part, source=left)
            work(comm, seconds=after)

    if scheme["way"] == "ring":
        pass_on(before=encode / p, after=decode / p)
        work(comm, seconds=encode / p)
        pass_on(after=decode / p)
    elif scheme["way"] == "gather":
        work(comm, seconds=encode)
        pass_on()
        work(comm, seconds=p * decode)
    else:
        work(comm, seconds=encode)
        pass_on()
        work(comm, seconds=decode + encode / p)
        pass_on()
        work(comm, seconds=decode)


# Task 4: what is owed survives a restart

QUIET = 12  # steps of zeros at the end, in which all that is owed is told


class Leg(NamedTuple):
    """Some steps from a start to a checkpoint."""

    steps: int
    ranks: int
    takes: tuple[tuple[int, ...], ...] | None = None  # whose checkpoints each rank gets

    def taken(self, before):
        """Return for each rank the checkpoints of `before` ranks that it gets, its own first."""
        if self.takes is not None:
            return self.takes
        taken = [(r,) if r < before else () for r in range(self.ranks)]
        for gone in range(self.ranks, before):
            taken[gone % self.ranks] += (gone,)
        return tuple(taken)


class Job(NamedTuple):
    words: str
    shape: tuple[int, int]  # (blocks, length) of the gradients
    legs: tuple[Leg, ...]

    def __str__(self):
        legs = ", then ".join(f"{leg.steps} steps on {leg.ranks} ranks" for leg in self.legs)
        return f"{self.words}: {legs}; gradients {self.shape}"


def public_jobs(_):
    yield Job("no restart", (4, 3), (Leg(4, 2),))
    yield Job("a restart", (4, 3), (Leg(3, 2), Leg(2, 2)))
    yield Job("a restart of three", (7, 3), (Leg(3, 3), Leg(1, 3)))
    yield Job("one rank", (3, 3), (Leg(3, 1), Leg(2, 1)))
    yield Job("two restarts, one after the other", (4, 2), (Leg(3, 2), Leg(0, 2), Leg(2, 2)))
    yield Job("one rank leaves", (6, 3), (Leg(3, 3), Leg(1, 2)))
    yield Job("two ranks leave", (5, 3), (Leg(3, 4), Leg(1, 2)))
    yield Job("a rank joins", (6, 3), (Leg(3, 2), Leg(1, 3)))
    yield Job("ranks change places", (6, 3), (Leg(3, 3), Leg(1, 3, ((2,), (0,), (1,)))))
    yield Job("all leave but one, and come back", (4, 3), (Leg(3, 3), Leg(1, 1), Leg(1, 3)))


def held_out_jobs(rng):
    for _ in range(2):
        shape = int(rng.integers(3, 9)), int(rng.integers(2, 4))
        old, new = rng.permutation([2, 3, 4])[:2].tolist()
        yield Job("a change", shape, (Leg(3, old), Leg(2, new), Leg(1, old)))
        places = tuple((int(r),) for r in np.roll(np.arange(old), 1))
        yield Job("other places", shape, (Leg(2, old), Leg(1, old, places)))
    yield Job("a restart", (5, 3), (Leg(int(rng.integers(2, 5)), 3), Leg(2, 3)))
    yield Job("joins with all", (5, 3), (Leg(3, 3), Leg(1, 4, ((), (2, 0), (1,), ()))))


def carry_on(jobs):
    def check(function, rng):
        for job in jobs(rng):
            yield str(job)
            memory, taken = Memory(job.legs[0].ranks, job.shape, float), None
            mean, left, saved = rng.normal(0, 0.5, job.shape), np.zeros(job.shape), []
            for k, leg in enumerate(job.legs):
                last = leg is job.legs[-1]
                rows = mean + rng.normal(0, 0.5, (leg.ranks, leg.steps, *job.shape))
                rows = np.concatenate(
                    [rows, np.zeros((leg.ranks, QUIET * last, *job.shape))], axis=1
                )
                taken = leg.taken(len(saved))
                given = [[saved[j] for j in taken[r]] if saved else [] for r in range(leg.ranks)]
                told, saved = leg_of(function, rows, given)
                if memory is not None and k and taken != own_places(leg.ranks):
                    memory = None  # what is told now is free, as long as nothing is lost
                for t in range(leg.steps + QUIET * last):
                    if memory is not None:
                        close(told[t], memory.step(rows[:, t]), 1e-6, 1e-6,
                              f"leg {k}, step {t}: rank 0")  # fmt: skip
                    left += rows[:, t].sum(axis=0) - told[t]
            all_told(left)

    return check


def own_places(ranks):
    return tuple((r,) for r in range(ranks))


def leg_of(function, rows, given):
    """Return (what rank 0 is told, a list; the checkpoints of all ranks)."""
    before = [copied(saved) for saved in given]
    mine = rows.copy()
    out = simulate(
        lambda comm: function(mine[comm.rank], given[comm.rank], comm),
        len(rows),
        network=NETWORK,
        timeout=LIMIT,
    )
    saved = []
    for r, answer in enumerate(out.results):
        if not (isinstance(answer, list | tuple) and len(answer) == 2):
            raise CheckFailure("return two things: what was told, and a checkpoint")
        told, checkpoint = answer
        if not (isinstance(told, list | tuple | np.ndarray) and len(told) == rows.shape[1]):
            raise CheckFailure(f"rank {r} must return {rows.shape[1]} arrays, one a step")
        for t, one in enumerate(told):
            close(one, out.results[0][0][t], 1e-9, 1e-12, f"step {t}: rank {r}, unlike rank 0,")
        if not alike(given[r], before[r]):
            raise CheckFailure(f"rank {r} changed a checkpoint that it was given")
        saved.append(checkpoint)
    if not np.array_equal(mine, rows):
        raise CheckFailure("the gradients were changed: work on a copy")
    return out.results[0][0], saved


def copied(value):
    """Return a copy of a plain value."""
    if isinstance(value, dict):
        return {key: copied(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [copied(one) for one in value]
    return value.copy() if isinstance(value, np.ndarray) else value


def alike(value, before):
    if isinstance(value, dict):
        return value.keys() == before.keys() and all(alike(value[k], before[k]) for k in value)
    if isinstance(value, list | tuple):
        return len(value) == len(before) and all(map(alike, value, before))
    return np.array_equal(value, before)


def all_told(left):
    """Nothing is left of the gradients' sum, after so many quiet steps."""
    if not np.abs(left).max() < 0.1:  # a right answer leaves 0.01
        where = np.unravel_index(np.abs(left).argmax(), left.shape)
        place = ", ".join(str(int(i)) for i in where)
        said = f"after {QUIET} steps of zeros the gradients' sum and what was told differ by"
        raise CheckFailure(f"{said} {left[where]:.3g} at [{place}]")


def picture(function):
    """Return the space-time diagram of one step of the learner's on four ranks."""
    from dlpar.figures import space_time

    grads, _ = gradients_of(Stream("one step", 4, ((8, 512),), 1), np.random.default_rng(10))
    return space_time(simulate(bits_sent, 4, (function, grads), NETWORK, timeout=LIMIT).trace)


TASKS = (
    Task(
        "one_bit_sum",
        one_bit_sum(public_streams),
        one_bit_sum(held_out_streams),
        points=4,
        par="a bit an element and 8 bytes a block, to its owner and home",
        show=picture,
    ),
    Task(
        "judge",
        judge(public_judged),
        judge(held_out_judged),
        points=3,
        par=f"at most {DRAWS:,} draws for each vector, and no false alarm",
    ),
    Task(
        "choose_scheme",
        choose_scheme(public_links),
        choose_scheme(held_out_links),
        points=3,
        par="within 3 % of the fastest",
    ),
    Task(
        "carry_on",
        carry_on(public_jobs),
        carry_on(held_out_jobs),
        points=4,
        par="all of the gradients told, whatever ranks come and go",
    ),
)
