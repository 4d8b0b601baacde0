"""A training step of the 784-256-128-10 network, batch 64, float32: dlpar beside PyTorch eager.

Forward, backward and the SGD update, on one thread each, in one process, in turns, so that both
meet the same machine. Run with: OMP_NUM_THREADS=1 python benchmarks/train_step.py
"""

import time

import numpy as np
from threadpoolctl import threadpool_limits

from dlpar.nn import mlp
from dlpar.optim import SGD

SIZES, BATCH, LR = (784, 256, 128, 10), 64, 0.05
ROUNDS, STEPS = 200, 10  # STEPS steps of each in turns, ROUNDS times: both meet every disturbance


def our_step(x, y, model):
    sgd = SGD(model.params)

    def step():
        loss = model.loss_and_grad(x, y)
        sgd.step(model.grads, LR)
        return loss

    return step


def torch_step(x, y, model):
    """Return the same step of the same network, from the same parameters, in PyTorch eager."""
    import torch

    torch.set_num_threads(1)
    parts = []
    for layer in model.layers:
        if layer.parameters:
            part = torch.nn.Linear(*layer.W.shape)
            part.weight.data = torch.tensor(layer.W.T).contiguous()
            part.bias.data = torch.tensor(layer.b)
            parts += [part, torch.nn.ReLU()]
    net = torch.nn.Sequential(*parts[:-1])
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
    start = time.perf_counter()
    for _ in range(STEPS):
        step()
    return (time.perf_counter() - start) / STEPS


def measure(rounds=ROUNDS):
    """Return seconds a step, (rounds, 2): ours and PyTorch's, measured in turns."""
    rng = np.random.default_rng(0)
    x = rng.random((BATCH, SIZES[0]), np.float32)
    y = rng.integers(0, SIZES[-1], BATCH)
    model = mlp(SIZES, rng)
    theirs = torch_step(x, y, model)  # copies the parameters before ours move
    ours = our_step(x, y, model)
    for _ in range(STEPS):
        a, b = ours(), theirs()
        if abs(a - b) > 1e-4:
            raise AssertionError(f"the two networks part: losses {a} and {b}")
    with threadpool_limits(1):
        return np.array([(seconds(ours), seconds(theirs)) for _ in range(rounds)])


def main():
    took = measure()
    print(f"{'x'.join(map(str, SIZES))}, batch {BATCH}, float32, one thread, {len(took)} rounds")
    print(f"{'':14}{'median':>10}{'quartiles':>18}   microseconds a step")
    for name, column in zip(("dlpar", "PyTorch eager"), took.T * 1e6, strict=True):
        q1, median, q3 = np.percentile(column, (25, 50, 75))
        print(f"{name:14}{median:10.0f}{q1:9.0f}{q3:9.0f}")
    q1, median, q3 = np.percentile(took[:, 1] / took[:, 0], (25, 50, 75))
    print(f"PyTorch's time over dlpar's: {median:.2f} ({q1:.2f} to {q3:.2f})")


if __name__ == "__main__":
    main()
