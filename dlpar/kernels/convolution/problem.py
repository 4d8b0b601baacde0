"""What is convolved, and what each kernel of an algorithm costs, in closed form."""

from typing import NamedTuple

from dlpar.kernels.launching import ceil_div
from dlpar.kernels.linear import TILE

FLOAT, COMPLEX = 4, 8  # bytes of a float32 and of a complex64


class Problem(NamedTuple):
    """The shapes of a convolution: x (n, c, h, w), filters (k, c, r, s), y (n, k, p, q)."""

    n: int
    c: int
    h: int
    w: int
    k: int
    r: int
    s: int
    stride: int = 1
    padding: int = 0

    @property
    def p(self):
        """Rows of y."""
        return (self.h + 2 * self.padding - self.r) // self.stride + 1

    @property
    def q(self):
        """Columns of y."""
        return (self.w + 2 * self.padding - self.s) // self.stride + 1

    @property
    def x_shape(self):
        """The shape of x."""
        return self.n, self.c, self.h, self.w

    @property
    def filter_shape(self):
        """The shape of the filters."""
        return self.k, self.c, self.r, self.s

    @property
    def y_shape(self):
        """The shape of y."""
        return self.n, self.k, self.p, self.q


def problem_of(x_shape, filter_shape, stride=1, padding=0):
    """Return the Problem of these shapes; raise ValueError if there is none."""
    if len(x_shape) != 4 or len(filter_shape) != 4 or x_shape[1] != filter_shape[1]:
        raise ValueError(
            f"needs x (n, c, h, w) and filters (k, c, r, s), got {tuple(x_shape)} and "
            f"{tuple(filter_shape)}"
        )
    n, c, h, w = x_shape
    k, _, r, s = filter_shape
    found = Problem(n, c, h, w, k, r, s, stride, padding)
    if min(*x_shape, *filter_shape, stride) < 1 or padding < 0:
        raise ValueError(f"lengths and stride start at 1 and padding at 0, got {found}")
    if found.h + 2 * padding < r or found.w + 2 * padding < s:
        raise ValueError(f"the filters do not fit into the padded image: {found}")
    return found


class Stage(NamedTuple):
    """One kernel of an algorithm: its multiplications, and the bytes that its threads ask for.

    The bytes are those of all loads and stores of global memory, as if there were no cache; a
    load is counted also where padding or the edge of an odd image makes the kernel skip it.
    """

    name: str
    multiplications: int
    nbytes: int


def gemm_stage(m, n, depth, times=1, accumulate=False):
    """Return the Stage of `times` products (m, depth) by (depth, n) by `linear.gemm`."""
    loads = m * depth * ceil_div(n, TILE) + depth * n * ceil_div(m, TILE)
    stores = m * n * (2 if accumulate else 1)
    return Stage("gemm", times * m * n * depth, times * FLOAT * (loads + stores))
