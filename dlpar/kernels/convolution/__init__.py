"""Convolution five ways, each with its workspace and its count of multiplications."""

from dlpar.kernels.convolution.choose import (
    ALGORITHMS,
    Choice,
    estimated_seconds,
    find_algorithm,
    find_algorithms,
    multiplications,
)
from dlpar.kernels.convolution.layer import (
    convolve,
    convolve_backward_data,
    convolve_backward_filter,
)
from dlpar.kernels.convolution.problem import Problem, problem_of

__all__ = [
    "ALGORITHMS",
    "Choice",
    "Problem",
    "convolve",
    "convolve_backward_data",
    "convolve_backward_filter",
    "estimated_seconds",
    "find_algorithm",
    "find_algorithms",
    "multiplications",
    "problem_of",
]
