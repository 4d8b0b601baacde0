"""The checks of lab 5. Data and gradients are held here; every question for them is counted."""

import itertools
import math
import operator

import numpy as np

from dlpar.labs import CheckFailure, Task, close, same

# Weights below 100 round at 1e-14, and no run here has more than a hundred updates.
ROUNDING = {"rtol": 1e-9, "atol": 1e-9}
# Examples, batch, epochs: what divides, what does not, one by one, all at once, and b > m.
SIZES = [(12, 4, 2), (13, 4, 3), (30, 8, 2), (6, 1, 2), (7, 7, 2), (5, 8, 2), (1, 1, 1), (9, 4, 0)]


class Asked:
    """What a function asks for; the first question that breaks a promise ends it."""

    fault = None

    def fail(self, said):
        self.fault = self.fault or CheckFailure(said)
        raise self.fault

    def calls(self, function, *args):
        """Return what `function(*args)` returns, unless it broke a promise on the way."""
        result = function(*args)
        if self.fault:  # and the learner's code went on
            raise self.fault
        return result

    def here(self, w, want, update, note=""):
        """Hold the weights of a question against those where the last update ended."""
        w = np.asarray(w, float)
        if w.shape != want.shape:
            self.fail(f"update {update} asked at weights of shape {w.shape}, not {want.shape}")
        off = ~(np.abs(w - want) <= ROUNDING["atol"] + ROUNDING["rtol"] * np.abs(want))
        if off.any():
            i = int(np.argmax(off))
            before = f"update {update - 1} ends" if update > 1 else "you begin"
            said = f"the gradient of update {update} was asked for at w[{i}] = {w[i]:.6g}"
            self.fail(f"{said}, but {before} at {want[i]:.6g}{note}")


class Regression(Asked):
    """Examples of whole numbers, their mean squared error, and who has looked at which."""

    def __init__(self, x, y, w, b, epochs, lr):
        self.x, self.y, self.w, self.b, self.lr = x, y, w.copy(), b, lr
        self.each = math.ceil(len(x) / b)  # updates an epoch
        self.par = epochs * self.each
        self.orders = [[] for _ in range(epochs)]
        self.losses = np.zeros(epochs)
        self.route, self.count = [self.w], 0

    def loss_and_grad(self, w, batch):
        if self.count == self.par:
            self.fail(f"loss_and_grad was called {self.count + 1} times, par is {self.par}")
        epoch = self.count // self.each
        batch = self.examples(batch, epoch)
        self.here(w, self.w, self.count + 1)
        error = self.x[batch] @ self.w - self.y[batch]
        loss, g = float(error @ error) / 2 / len(batch), self.x[batch].T @ error / len(batch)
        self.orders[epoch] += batch.tolist()
        self.losses[epoch] += loss * len(batch) / len(self.x)
        self.w = self.w - self.lr * g
        self.route.append(self.w)
        self.count += 1
        return loss, g

    def examples(self, batch, epoch):
        m, seen = len(self.x), self.orders[epoch]
        batch = np.asarray(batch) if isinstance(batch, np.ndarray | list | tuple) else None
        if batch is None or batch.ndim != 1 or batch.dtype.kind not in "iu":
            self.fail("a batch must be an array of whole numbers: which examples")
        where = f"epoch {epoch + 1}, update {self.count % self.each + 1}"
        want = min(self.b, m - len(seen))
        if len(batch) != want:
            left = m - len(seen)
            said = f"{where} saw {len(batch)} examples, not {want}: {left} of the epoch were left"
            self.fail(said)
        if not ((batch >= 0) & (batch < m)).all():
            self.fail(f"{where} asked for an example that is not among 0 .. {m - 1}")
        both = np.concatenate([np.array(seen, int), batch])
        again = [int(k) for k in both if (both == k).sum() > 1]
        if again:
            self.fail(f"{where}: example {again[0]} came twice in this epoch")
        return batch


def regression(rng, m, b, epochs):
    x, y = rng.integers(-3, 4, (m, 3)).astype(float), rng.integers(-9, 10, m).astype(float)
    return Regression(x, y, rng.integers(-4, 5, 3).astype(float), b, epochs, lr=1 / 32)


def descended(function, data, seed):
    """Run `function` on `data`; hold weights and losses against the promise."""
    w = data.w.copy()
    rng = np.random.default_rng(seed)
    args = (data.loss_and_grad, w, len(data.x), data.b, len(data.orders), data.lr, rng)
    got = data.calls(function, *args)
    if data.count != data.par:
        raise CheckFailure(f"loss_and_grad was called {data.count} times, par is {data.par}")
    if not np.array_equal(w, data.route[0]):
        raise CheckFailure("the w that you were given was changed: make a new array")
    if not isinstance(got, tuple) or len(got) != 2:
        raise CheckFailure("return two things: the weights, and the list of the epochs' losses")
    close(got[0], data.w, **ROUNDING, who="weights: your function")
    losses = got[1]
    if isinstance(losses, list | tuple) and all(type(loss) is float for loss in losses):
        losses = np.array(losses, float)
    close(losses, data.losses, **ROUNDING, who="losses, each example once: your function")


def descend(sizes):
    def check(function, rng):
        for m, b, epochs in sizes(rng):
            yield f"m={m}, b={b}, epochs={epochs}"
            data = regression(rng, m, b, epochs)
            descended(function, data, seed=int(rng.integers(2**31)))
            if m >= 12 and data.orders[0] == list(range(m)):
                raise CheckFailure("the first epoch was not shuffled")
            if m >= 12 and data.orders[0] == data.orders[1]:
                raise CheckFailure("epoch 2 had the order of epoch 1: shuffle before every epoch")
        yield "m=30, b=8, epochs=2, three times, with rngs seeded 5, 5 and 6"
        orders = []
        for seed in (5, 5, 6):
            data = regression(np.random.default_rng(0), 30, 8, 2)
            descended(function, data, seed)
            orders.append(data.orders)
        if orders[0] != orders[1]:
            raise CheckFailure("the same rng gave two different orders: shuffle with `rng` only")
        if orders[0] == orders[2]:
            raise CheckFailure("another rng gave the same order: shuffle with the `rng` you get")

    return check


class Valley(Asked):
    """A quadratic loss; the gradient at w is curvature @ w - c."""

    def __init__(self, curvature, c, w, lrs, mu):
        self.curvature, self.c, self.lrs, self.mu = curvature, c, lrs, mu
        self.w, self.v = w.copy(), np.zeros_like(w)
        self.route = [self.w]

    def grad(self, w):
        t = len(self.route) - 1
        if t == len(self.lrs):
            self.fail(f"grad was called {t + 1} times, par is {t}")
        note = f" (lr = {self.lrs[t - 1]:g}, v[0] = {self.v[0]:.6g})" if t else ""
        self.here(w, self.w, t + 1, note)
        g = self.curvature @ self.w - self.c
        self.v = self.mu * self.v + g
        self.w = self.w - self.lrs[t] * self.v
        self.route.append(self.w)
        return g


def momentum(inputs):
    def check(function, rng):
        for d, lrs, mu in inputs(rng):
            yield f"d={d}, lrs={[round(lr, 4) for lr in lrs]}, mu={mu:g}"
            curvature = np.diag(rng.integers(1, 9, d).astype(float))
            c, w = rng.integers(-9, 10, d).astype(float), rng.integers(3, 9, d).astype(float)
            valley, mine = Valley(curvature, c, w, lrs, mu), w.copy()
            route = valley.calls(function, valley.grad, mine, list(lrs), mu)
            if len(valley.route) != len(lrs) + 1:
                said = f"grad was called {len(valley.route) - 1} times, par is {len(lrs)}"
                raise CheckFailure(said)
            if not np.array_equal(mine, w):
                raise CheckFailure("the w that you were given was changed: make a new array")
            close(route, np.array(valley.route), **ROUNDING)

    return check


def some_rates(rng):
    yield 1, [1 / 8] * 4, 0.5
    yield 2, [1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 8, 1 / 16], 0.9
    yield 3, [0.0, 1 / 16, 1 / 8], 0.5
    yield 2, [1 / 8] * 3, 0.0
    yield 2, [1 / 16], 0.9
    yield 2, [], 0.9


def other_rates(rng):
    for updates in (3, 10, 25):
        yield int(rng.integers(1, 6)), (rng.random(updates) / 16).tolist(), float(rng.random())


def learning_rate(inputs):
    def check(function, rng):
        for lr, base, b, m, warm in inputs(rng):
            ramp = warm * math.ceil(m / b)
            peak = lr * b / base
            for t in sorted({0, 1, ramp // 2, max(0, ramp - 1), ramp, ramp + 1, 9 * ramp + 50}):
                yield f"t={t}, lr={lr:.4g}, base={base}, b={b}, m={m}, warm={warm}"
                want = peak if t >= ramp else lr + (peak - lr) * t / ramp
                close(function(t, lr, base, b, m, warm), want)

    return check


def some_schedules(rng):
    yield from [(0.1, 8, 64, 640, 2), (0.1, 8, 128, 1000, 3), (0.25, 16, 16, 100, 2)]
    yield from [(0.1, 8, 64, 640, 0), (0.1, 256, 8192, 5000, 5), (0.5, 8, 1, 5, 1)]


def other_schedules(rng):
    for top in (8, 100, 1000):
        m, b = int(rng.integers(50, 2000)) * 2 + 1, 2 * int(rng.integers(top // 2, top))
        yield float(rng.random()), int(rng.integers(2, 20)), b, m, int(rng.integers(5, 9))


def gradient_noise(populations, samples):
    """Try all samples of a few examples, where a mean over samples is exact; then single ones."""

    def check(function, rng):
        for n, k, d in populations:
            yield f"all {n**k} samples of k={k} from {n} examples, d={d}"
            g = rng.integers(-9, 10, (n, d)) + 4.0
            drawn = itertools.product(range(n), repeat=k)
            pairs = [two(function(g[list(sample)])) for sample in drawn]
            scatter, squared_norm = np.mean(pairs, axis=0).tolist()
            mean = g.mean(axis=0)
            words = f"the mean of your {{}} is {{:.6g}}, of all {n} examples it is {{:.6g}}"
            truth = ((g - mean) ** 2).sum() / n
            unbiased(words, "scatter", scatter, truth)
            unbiased(words, "squared norm", squared_norm, mean @ mean)
        for k, d in samples:
            yield f"one sample of k={k}, d={d}"
            g = rng.integers(-9, 10, (k, d)) + float(rng.integers(0, 5))
            before, mean = g.copy(), g.mean(axis=0)
            scatter, squared_norm = two(function(g))
            if not np.array_equal(g, before):
                raise CheckFailure("the gradients that you were given were changed")
            want = float(((before - mean) ** 2).sum()) / (k - 1)
            close(scatter, want, **ROUNDING, who="scatter: your function")
            want = float(mean @ mean) - want / k
            close(squared_norm, want, **ROUNDING, who="squared norm: your function")

    return check


def two(got):
    if not isinstance(got, tuple) or [type(value) for value in got] != [float, float]:
        raise CheckFailure("return two floats: the scatter, and the squared norm")
    return got


def unbiased(words, name, got, want):
    if not abs(got - want) <= ROUNDING["atol"] + ROUNDING["rtol"] * abs(want):
        raise CheckFailure(words.format(name, got, want))


class Trainings(Asked):
    """Trainings that obey the law: updates(b) = smallest * (1 + critical / b), no noise."""

    def __init__(self, smallest, critical, most):
        self.smallest, self.critical, self.most = smallest, critical, most
        self.tried = []

    def updates(self, b):
        return self.smallest * (1 + self.critical / b)

    def train(self, b):
        try:
            b = operator.index(b)
        except TypeError:
            self.fail(f"train takes a whole number of examples, not a {type(b).__name__}")
        if not 1 <= b <= self.most:
            self.fail(f"you trained with batch {b}; this machine takes 1 to {self.most}")
        self.tried.append(b)
        if len(self.tried) > 2:
            self.fail(f"you trained {len(self.tried)} times, with batches {self.tried}; par is 2")
        return self.smallest * (b + self.critical)


def plan_batch(inputs):
    def check(function, rng):
        for smallest, critical, most, updates in inputs(rng):
            yield f"S_min={smallest}, B={critical}, most={most}, updates={updates}"
            runs = Trainings(smallest, critical, most)
            got = runs.calls(function, runs.train, most, updates)
            want = None
            if updates > smallest:
                want = -(-smallest * critical // (updates - smallest))
            if type(got) is int and want and got > 0 and got != want:
                said = f"your batch {got} takes {runs.updates(got):.6g} updates"
                best = f"{want} takes {runs.updates(want):.6g}"
                raise CheckFailure(f"{said}; the smallest that takes at most {updates}, {best}")
            same(got, want)

    return check


def some_plans(rng):
    yield from [(40, 96, 32, 50), (40, 96, 32, 49), (100, 20, 2, 300), (25, 60, 64, 26)]
    yield from [(30, 7, 16, 12), (30, 7, 16, 30), (30, 7, 16, 1000), (30, 7, 16, 240)]


def other_plans(rng):
    for slack in (1, 7, 0, 40, 100):
        smallest, critical = int(rng.integers(20, 200)), int(rng.integers(10, 500))
        yield smallest, critical, int(rng.integers(2, 65)), smallest + slack
    yield 50, 8, 16, 10 * 50


def descent_shown(function):
    """Return the learner's own way down, over the loss of all examples."""
    from dlpar.figures import paths

    rng = np.random.default_rng(1)
    x = rng.normal(size=(60, 2)) * [1, 2]
    y = x @ [1.0, 0.5] + rng.normal(size=60)
    data = {b: Regression(x, y, np.array([-2.0, 2.0]), b, 3, 1 / 8) for b in (4, 60)}
    for b, each in data.items():
        args = (each.loss_and_grad, each.w.copy(), 60, b, 3, each.lr)
        function(*args, np.random.default_rng(2))
    routes = {f"b = {b}": np.array(each.route) for b, each in data.items()}

    def loss(u, v):
        return np.mean((u[..., None] * x[:, 0] + v[..., None] * x[:, 1] - y) ** 2, axis=-1) / 2

    return paths(loss, routes, xlim=(-2.5, 2.5), ylim=(-1.0, 2.5))


def momentum_shown(function):
    """Return the learner's own route through a narrow valley, beside plain descent's."""
    from dlpar.figures import paths

    steep = np.array([1.0, 25.0])
    start, lrs = np.array([-3.0, 1.0]), [2 / 26] * 20
    routes = {
        name: function(lambda w: steep * w, start.copy(), lrs, mu)
        for name, mu in (("descent", 0.0), ("yours", 0.5))
    }
    return paths(lambda u, v: (u * u + 25 * v * v) / 2, routes, (-3.2, 1.2), (-1.3, 1.3))


def plan_shown(function):
    """Return the law, and the batch that the learner plans for some numbers of updates."""
    from dlpar.figures import cost_plot

    runs = Trainings(40, 96, 32)
    allowed = [45, 50, 60, 100, 200, 1000]
    planned = [function(Trainings(40, 96, 32).train, 32, updates) for updates in allowed]
    return cost_plot(
        planned,
        {"planned": [runs.updates(b) for b in planned]},
        {"planned": runs.updates},
        xlabel="batch",
        ylabel="updates to the target",
        ruler="counted",
    )


def more_sizes(rng):
    for top in (2, 5, 9, 40):
        yield int(rng.integers(12, 30)), int(rng.integers(1, top)), 2
    yield int(rng.integers(2, 9)), int(rng.integers(10, 20)), 3


TASKS = (
    Task(
        "descend",
        descend(lambda rng: SIZES),
        descend(more_sizes),
        points=3,
        par="ceil(m/b) gradients an epoch, each example once",
        show=descent_shown,
    ),
    Task(
        "momentum",
        momentum(some_rates),
        momentum(other_rates),
        points=2,
        par="one gradient an update",
        show=momentum_shown,
    ),
    Task("learning_rate", learning_rate(some_schedules), learning_rate(other_schedules), points=2),
    Task(
        "gradient_noise",
        gradient_noise([(3, 2, 2), (3, 3, 1)], [(2, 1), (5, 3), (2, 4), (17, 9)]),
        gradient_noise([(4, 2, 3), (2, 4, 2)], [(3, 6), (8, 1), (30, 5)]),
        points=3,
    ),
    Task(
        "plan_batch",
        plan_batch(some_plans),
        plan_batch(other_plans),
        points=3,
        par="two trainings",
        show=plan_shown,
    ),
)
