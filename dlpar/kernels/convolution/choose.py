"""Five algorithms for one convolution, and the choice between them under a limit on workspace.

cuDNN's contract: the caller says how much memory it can spare, and gets the fastest algorithm that
needs no more. "Fastest" is by a declared cost: a roofline over the kernels, counted in closed form.
Source: Chetlur et al., arXiv 1410.0759; NVIDIA, cuDNN, cudnnGetConvolutionForwardAlgorithm_v7.
"""

from collections.abc import Callable
from typing import NamedTuple

from dlpar.gpu.cards import V100
from dlpar.kernels.convolution import direct, fft, im2col, implicit_gemm, winograd
from dlpar.kernels.convolution.problem import problem_of


class Algorithm(NamedTuple):
    """One way to convolve; each function takes a Problem first."""

    forward: Callable  # (problem, x, filters) -> y, all on the device
    supports: Callable  # -> whether it can
    workspace: Callable  # -> bytes of device memory beside x, filters and y
    stages: Callable  # -> its kernels as a list of Stage


ALGORITHMS = {
    name: Algorithm(module.forward, module.supports, module.workspace, module.stages)
    for name, module in {
        "direct": direct,
        "im2col": im2col,
        "implicit_gemm": implicit_gemm,
        "winograd": winograd,
        "fft": fft,
    }.items()
}


class Choice(NamedTuple):
    """An algorithm, what it is said to take, and what it needs."""

    algorithm: str
    seconds: float
    workspace: int  # bytes


def multiplications(problem, algorithm):
    """Return how many multiplications of floats the algorithm's kernels make, skipped ones too."""
    return sum(stage.multiplications for stage in ALGORITHMS[algorithm].stages(problem))


def estimated_seconds(problem, algorithm, card=V100):
    """Return a lower bound of the time on a card: each kernel takes what its higher roof says.

    A multiplication with its addition is 2 FLOPs at the card's FP32 peak; bytes go at its DRAM's
    bandwidth. No cache is assumed, and no cost of a launch.
    """
    return sum(
        max(2 * stage.multiplications / card.fp32, stage.nbytes / card.bandwidth)
        for stage in ALGORITHMS[algorithm].stages(problem)
    )


def find_algorithms(x_shape, filter_shape, stride=1, padding=0, time=estimated_seconds):
    """Return a Choice for every algorithm that can do it, the fastest first.

    time : function (problem, name of an algorithm) -> s, such as a measurement.
    Of equally fast ones the one with less workspace comes first. Raises ValueError for shapes that
    do not fit together.
    """
    problem = problem_of(x_shape, filter_shape, stride, padding)
    choices = [
        Choice(name, time(problem, name), algorithm.workspace(problem))
        for name, algorithm in ALGORITHMS.items()
        if algorithm.supports(problem)
    ]
    return sorted(choices, key=lambda choice: (choice.seconds, choice.workspace))


def find_algorithm(
    x_shape, filter_shape, workspace_limit, stride=1, padding=0, time=estimated_seconds
):
    """Return the fastest Choice whose workspace is at most `workspace_limit` bytes.

    There always is one, since direct and implicit GEMM need none; and with a higher limit it is
    never slower. Raises ValueError for a limit below 0, and as `find_algorithms`.
    """
    if workspace_limit < 0:
        raise ValueError(f"workspace_limit must be at least 0 bytes, got {workspace_limit!r}")
    choices = find_algorithms(x_shape, filter_shape, stride, padding, time)
    return next(choice for choice in choices if choice.workspace <= workspace_limit)
