"""A training step on one thread, float32: dlpar beside PyTorch eager, for two MLPs and a small CNN.

Forward, backward and the SGD update, in one process, in turns, so that both meet the same machine.
Times are the processor's: with one thread and nothing to wait for that is the wall's on a machine
that has nothing else to do.
The wanted ratios are 1.5 for the MLPs and 1 for the CNN.

Run with: OMP_NUM_THREADS=1 python benchmarks/train_step.py    (PyTorch: pip install -e '.[peers]')
"""

import os
import time
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from dlpar.nn import Conv2d, Flatten, Linear, MaxPool2d, Model, ReLU, mlp
from dlpar.optim import SGD

LR = 0.05
ROUNDS, SECONDS = 200, 20  # rounds of a network, and the time after which no new one begins
STEPS = 10  # steps of each in turns: both meet every disturbance


class Case(NamedTuple):
    """A network, what it is fed with, and the ratio that is wanted."""

    name: str
    make: object  # function of a Generator -> Model
    shape: tuple[int, ...]  # of x
    bar: float


def small_cnn(rng):
    """Return a network of two convolutions for images of 28 x 28 pixels."""
    layers = [Conv2d(1, 8, 3, rng, padding=1), ReLU(), MaxPool2d(2)]
    layers += [Conv2d(8, 16, 3, rng, padding=1), ReLU(), MaxPool2d(2)]
    return Model([*layers, Flatten(), Linear(16 * 7 * 7, 10, rng)])


CASES = (
    Case("64-128-64-10", lambda rng: mlp((64, 128, 64, 10), rng), (32, 64), 1.5),
    Case("784-256-128-10", lambda rng: mlp((784, 256, 128, 10), rng), (64, 784), 1.5),
    Case("CNN 8-16 3x3", small_cnn, (32, 1, 28, 28), 1.0),
)


def our_step(x, y, model):
    sgd = SGD(model.params)

    def step():
        loss = model.loss_and_grad(x, y)
        sgd.step(model.grads, LR)
        return loss

    return step


def torch_layer(layer):
    """Return the same layer, with the same parameters, in PyTorch."""
    from torch import nn, tensor

    if isinstance(layer, Linear):
        part, weight = nn.Linear(*layer.W.shape), layer.W.T
    elif isinstance(layer, Conv2d):
        c_out, c_in, k, _ = layer.W.shape
        part, weight = nn.Conv2d(c_in, c_out, k, layer.stride, layer.padding), layer.W
    elif isinstance(layer, MaxPool2d):
        return nn.MaxPool2d(layer.k)
    else:
        return {ReLU: nn.ReLU, Flatten: nn.Flatten}[type(layer)]()
    part.weight.data, part.bias.data = tensor(weight).contiguous(), tensor(layer.b)
    return part


def torch_step(x, y, model):
    """Return the same step of the same network, from the same parameters, in PyTorch eager."""
    import torch

    torch.set_num_threads(1)
    net = torch.nn.Sequential(*map(torch_layer, model.layers))
    loss_function = torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=LR)
    x, y = torch.from_numpy(x), torch.from_numpy(y)

    def step():
        optimizer.zero_grad()
        loss = loss_function(net(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def seconds(step):
    start = time.process_time()
    for _ in range(STEPS):
        step()
    return (time.process_time() - start) / STEPS


def measure(case):
    """Return seconds a step, (rounds, 2): ours and PyTorch's, measured in turns."""
    rng = np.random.default_rng(0)
    x = rng.random(case.shape, np.float32)
    y = rng.integers(0, 10, len(x))
    model = case.make(rng)
    theirs = torch_step(x, y, model)  # copies the parameters before ours move
    ours = our_step(x, y, model)
    for _ in range(STEPS):
        a, b = ours(), theirs()
        if abs(a - b) > 1e-4:
            raise AssertionError(f"the two networks part: losses {a} and {b}")
    took, end = [], time.monotonic() + SECONDS
    with threadpool_limits(1):
        while len(took) < ROUNDS and time.monotonic() < end:
            took.append((seconds(ours), seconds(theirs)))
    return np.array(took)


def show(case, took):
    """Print the medians and quartiles of one network, the ratio, and whether it is as wanted."""
    print(f"\n{case.name}, batch {case.shape[0]}, {len(took)} rounds of {STEPS} steps")
    for name, column in zip(("dlpar", "PyTorch eager"), took.T * 1e6, strict=True):
        q1, median, q3 = np.percentile(column, (25, 50, 75))
        print(f"  {name:14}{median:10,.0f} us a step ({q1:,.0f} to {q3:,.0f})")
    q1, median, q3 = np.percentile(took[:, 1] / took[:, 0], (25, 50, 75))
    print(f"  PyTorch's time over dlpar's: {median:.2f} ({q1:.2f} to {q3:.2f}), ", end="")
    print(f"{case.bar} wanted: {'met' if median >= case.bar else 'NOT MET'}")


def main():
    print(f"one thread, float32; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for case in CASES:
        show(case, measure(case))


if __name__ == "__main__":
    main()
