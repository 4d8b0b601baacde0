"""The checks of lab 0: a machine whose clock the checks own, so that every time is exact."""

import itertools
import re

import numpy as np

from dlpar.labs import CheckFailure, Task, close

PATIENCE = 5000  # calls of a machine's functions; par is far below
TOUCH = 5  # a copy into new memory takes this many times as long as into memory that was touched


class Machine:
    """A machine whose time passes only when one of its functions runs; it remembers each call."""

    def __init__(self, rng, tick=0.0):
        self.now = float(rng.uniform(0, 100))  # s
        self.tick = tick  # s; 0: the clock shows the very time
        self.calls = []  # names, in order

    def note(self, name):
        """Remember a call of `name`, or say that there are far too many."""
        self.calls.append(name)
        if len(self.calls) > PATIENCE:
            raise CheckFailure(f"stopped after {PATIENCE:,} calls, which is far beyond par")

    def clock(self):
        """Return the time in s, as a stopwatch shows it."""
        self.note("clock")
        return self.now if self.tick == 0 else self.tick * int(self.now / self.tick)

    def takes(self, name, seconds, result=None):
        """Return a function `name` whose calls take `seconds`, one after the other."""
        each = itertools.chain(seconds, itertools.repeat(seconds[-1]))

        def call(*_):
            self.note(name)
            self.now += next(each)
            return result

        return call

    def called(self, name, par):
        """Raise CheckFailure unless `name` was called `par` times."""
        count = self.calls.count(name)
        if count != par:
            times = "once" if count == 1 else f"{count} times"
            raise CheckFailure(f"{name} was called {times}, par is {par}")

    def readings(self, most):
        """Raise CheckFailure unless the clock was read, and at most `most` times."""
        count = self.calls.count("clock")
        if count == 0:
            raise CheckFailure("the clock was never read: call `clock()`, and no clock of your own")
        if count > most:
            raise CheckFailure(f"the clock was read {count} times, par is {most}")


def noisy(rng, middle, n):
    """Return n times in s from `middle` upwards, now and then with a spike."""
    times = middle * (1 + rng.exponential(0.1, n))
    times[rng.random(n) < 0.1] *= 12
    return times


# Each of the next five tries one input; the numbers in it are drawn from `rng`.


def bench(function, rng, repeats, warmup):
    machine = Machine(rng)
    times = noisy(rng, 2e-3, warmup + repeats)
    times[warmup + repeats // 2] *= 20  # one call among them is disturbed
    times[:warmup] *= 40
    got = function(machine.takes("f", times), machine.clock, repeats, warmup)
    machine.called("f", warmup + repeats)
    machine.readings(2 * repeats)
    timed(machine, "f", repeats)
    wanted = np.percentile(times[warmup:], [25, 50, 75])
    several(got, {"q1": wanted[0], "median": wanted[1], "q3": wanted[2]})


def timed(machine, name, repeats):
    """Each of the last `repeats` calls of `name` has a reading of the clock on either side."""
    calls = "".join("|" if call == "clock" else "x" for call in machine.calls)
    if "xx" in calls[calls.index("|") :].rstrip("x"):
        raise CheckFailure(f"{name} ran more than once between two readings: time each call")
    if calls.count("x|") < repeats:
        raise CheckFailure(f"the clock was not read right after each of the {repeats} calls")


def tiny(function, rng, tick, part):
    machine, seconds = Machine(rng, tick), tick / part
    got = function(machine.takes("f", [seconds]), machine.clock, tick)
    count, enough = machine.calls.count("f"), int(np.ceil(101 * part))
    if count > 4 * enough:
        said = f"f was called {count} times, par is {4 * enough}: {enough} in one go are enough"
        raise CheckFailure(said)
    machine.readings(4 * (2 + int(np.log2(enough))))
    close(got, seconds, rtol=0.0101, who="(to 1 %) your function")


def faster(function, rng, turns, f, g, spike):
    machine = Machine(rng)
    times = {
        "f": f * (1 + rng.uniform(0, 0.1, turns + 1)),
        "g": g * (1 + rng.uniform(0, 0.1, turns + 1)),
    }
    for mine in times.values():
        mine[0] *= 50  # cold
    for mine in times.values():
        mine[1 : 1 + turns // 5] *= 4  # somebody else is busy in the beginning
    times["f"][-1] *= spike
    got = function(
        *(machine.takes(name, each) for name, each in times.items()), machine.clock, turns
    )
    machine.called("f", turns + 1)
    machine.called("g", turns + 1)
    machine.readings(4 * turns)
    in_turns([call for call in machine.calls if call != "clock"])
    (f1, f3), (g1, g3) = (np.percentile(each[1:], [25, 75]) for each in times.values())
    want = "f" if f3 < g1 else "g" if g3 < f1 else None
    if want is None and got is not None:
        raise CheckFailure(
            f"your function returned {got!r}, but the ranges overlap: None is honest"
        )
    if type(got) is not type(want) or got != want:
        ranges = f"f took {f1:.3g} to {f3:.3g} s, and g {g1:.3g} to {g3:.3g} s"
        raise CheckFailure(f"your function returned {got!r}, not {want!r}: {ranges}")


def in_turns(calls):
    """F and g are called alternately."""
    for before, after in itertools.pairwise(calls):
        if before == after:
            raise CheckFailure(f"{after} ran twice in a row: f and g must take turns")


def copy_rate(function, rng, n, repeats):
    machine, touched = Machine(rng), set()
    spans = noisy(rng, n / 10e9, repeats + 9)
    spans[1 + repeats // 2] *= 20
    later = iter(spans)
    memories, jobs = itertools.count(1), {}

    def make():
        machine.note("make")
        machine.now += 1e-3
        return next(memories)

    def start(memory):
        machine.note("start")
        machine.now += 1e-7
        seconds = next(later, spans[-1]) * (1 if memory in touched else TOUCH)
        touched.add(memory)
        jobs[len(jobs)] = machine.now + seconds
        return len(jobs) - 1

    def finish(job):
        machine.note("finish")
        if job not in jobs:
            raise CheckFailure(f"finish({job}) was called; it takes what start returned")
        machine.now = max(machine.now, jobs[job])

    got = function(n, make, start, finish, machine.clock, repeats)
    machine.called("make", 1)
    machine.called("start", repeats + 1)
    machine.called("finish", repeats + 1)
    machine.readings(2 * repeats)
    whole_copies(machine, repeats)
    took = spans[1 : repeats + 1] + 1e-7
    if isinstance(got, float) and np.isclose(got, n / np.median(took), rtol=1e-6):
        raise CheckFailure("your function counts n bytes; a copy reads n bytes and writes n bytes")
    if repeats > 2 and isinstance(got, float) and np.isclose(got, 2 * n / np.mean(took)):
        raise CheckFailure("your function takes the mean, so one bad run decides: take the median")
    rates = 2 * n / took
    if not (isinstance(got, float) and np.isclose(got, np.median(rates), rtol=1e-6)):
        close(got, float(2 * n / np.median(took)), rtol=1e-6)


def whole_copies(machine, repeats):
    """Between two readings of the clock lies one copy from start to finish, `repeats` times."""
    letters = {"clock": "|", "make": "m", "start": "s", "finish": "f"}
    calls = "".join(letters[call] for call in machine.calls)
    if "|s|" in calls:
        raise CheckFailure("the clock was read when a copy had begun, and before it was finished")
    whole = len(re.findall(r"\|sf(?=\|)", calls))
    if whole < repeats:
        raise CheckFailure(f"{whole} whole copies were timed, each alone, and not {repeats}")


def alpha_beta(function, rng, alpha, beta, k, noise):
    n = 8.0 * 4.0 ** np.arange(k)  # bytes
    times = (alpha + n * beta) * (1 + noise * rng.uniform(-1, 1, n.size))
    design = np.stack([np.ones_like(n), n], axis=1) / times[:, None]
    want = np.linalg.lstsq(design, np.ones_like(n), rcond=None)[0]
    got = function(n.copy(), times.copy())
    several(got, {"alpha": want[0], "beta": want[1]})


def several(got, wanted):
    """Raise CheckFailure unless `got` holds the numbers {name: number} of `wanted`, in order."""
    if isinstance(got, np.ndarray):
        got = got.tolist()
    if not (isinstance(got, tuple | list) and len(got) == len(wanted)):
        raise CheckFailure(f"it must return {len(wanted)} numbers: `{', '.join(wanted)}`")
    for mine, (name, want) in zip(got, wanted.items(), strict=True):
        close(mine, float(want), rtol=1e-5, who=f"{name}: your function")


# What they share


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


def whole(rng, low, high):
    """Draw a plain int from low to high - 1."""
    return int(rng.integers(low, high))


# What a notebook shows after success


def show_bench(function):
    """Return the learner's stopwatch beside the library's, on this machine."""
    from time import perf_counter

    from dlpar.rulers import rulers, seconds, wall

    a = np.random.default_rng(0).random(50_000)
    low, middle, high = function(lambda: np.sort(a), perf_counter, 15, 2)
    yours = f"{seconds(middle)} (IQR {seconds(low)} to {seconds(high)})"
    return rulers(wall={"yours": yours, "the library's": wall(lambda: np.sort(a))})


def show_line(function):
    """Return the learner's line through the messages of a simulated cluster."""
    from dlpar import simulate
    from dlpar.figures import cost_plot

    def message(comm, n):
        x = np.zeros(n, np.uint8)
        if comm.rank == 0:
            comm.Send(x, dest=1)
        else:
            comm.Recv(x, source=0)

    sizes = [8 * 4**k for k in range(10)]
    times = [simulate(message, 2, (n,), timeout=4).time for n in sizes]
    alpha, beta = function(np.array(sizes, float), np.array(times))
    line = {"message": lambda n: alpha + n * beta}
    return cost_plot(
        sizes, {"message": times}, line, xlabel="message", ylabel="time", ruler="virtual",
        xunit="B", yunit="s",
    )  # fmt: skip


TASKS = (
    task(
        bench,
        "repeats={0}, warmup={1}",
        public=[(5, 2), (7, 3), (4, 1), (1, 0), (2, 0)],
        held_out=lambda rng: [(whole(rng, 3, 20), whole(rng, 0, 4)) for _ in range(3)],
        points=2,
        par="one call a run, and two readings of the clock a timed run",
        show=show_bench,
    ),
    task(
        tiny,
        "a clock of {0:g} s a tick, {1:g} calls a tick",
        public=[(1e-3, 1.7), (0.0625, 0.3), (1e-6, 4.1), (1e-3, 0.004)],
        held_out=lambda rng: [(10.0 ** -whole(rng, 1, 7), rng.uniform(0.1, 3)) for _ in range(3)],
        points=3,
        par="four times the calls that 100 ticks take",
    ),
    task(
        faster,
        "turns={0}, f about {1:g} s, g about {2:g} s",
        public=[
            (11, 1e-3, 2e-3, 1), (11, 3e-3, 1e-3, 1), (10, 2e-3, 2.05e-3, 1), (5, 2e-3, 2e-3, 9),
            (9, 1e-3, 1.5e-3, 300), (1, 1e-3, 4e-3, 1), (15, 5e-3, 4e-3, 1),
        ],
        held_out=lambda rng: [
            (whole(rng, 5, 16), 1e-3, 1e-3 * g, spike)
            for g, spike in [(2, 1), (0.4, 1), (1.04, 1), (1.6, 200)]
        ],
        points=3,
        par="f and g in turns, one cold call of each, 4 readings of the clock a turn",
    ),
    task(
        copy_rate,
        "n={0:,} bytes, repeats={1}",
        public=[(10**7, 5), (10**6, 4), (2 * 10**8, 1), (10**7, 9)],
        held_out=lambda rng: [(whole(rng, 10**6, 10**8), whole(rng, 2, 12)) for _ in range(3)],
        points=3,
        par="one array, and one copy more than are timed",
    ),
    task(
        alpha_beta,
        "alpha={0:g} s, beta={1:g} s/B, {2} sizes, noise {3:.0%}",
        public=[
            (5e-6, 1e-10, 10, 0.0), (2e-6, 4e-10, 10, 0.2), (1e-6, 1e-9, 2, 0.0),
            (3e-5, 8e-10, 7, 0.1),
        ],
        held_out=lambda rng: [
            (10 ** rng.uniform(-6, -4), 10 ** rng.uniform(-10, -9), k, 0.15) for k in (6, 8, 11)
        ],
        points=2,
        show=show_line,
    ),
)  # fmt: skip
