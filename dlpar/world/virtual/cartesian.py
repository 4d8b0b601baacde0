"""Ranks on a grid, as MPI's Create_cart lays them: the last coordinate runs fastest."""

import math

import numpy as np

from dlpar.world.constants import PROC_NULL, UNDEFINED
from dlpar.world.virtual.vectors import Vectors


class Cartesian(Vectors):
    """The part of a communicator that makes grids, and that a communicator on a grid has."""

    dims: list[int] | None = None  # of the grid; None where there is none
    periods: list[bool]

    def Dup(self):
        """Return another communicator of the same ranks, whose messages are its own."""
        return self._split("Dup", 0, 0)

    def Free(self):
        """Do nothing: a communicator takes no room that matters."""

    def Create_cart(self, dims, periods=None, reorder=False):
        """Return the first ranks as a grid of `dims`; None on a rank that is too many."""
        dims = [int(d) for d in dims]
        if math.prod(dims) > self.size or min(dims) < 1:
            raise self._error("DIMS", f"{self.size} ranks are no grid of {dims}")
        mine = 0 if self.rank < math.prod(dims) else UNDEFINED
        comm = self._split("Create_cart", mine, self.rank)
        if comm is not None:
            comm.dims = dims
            comm.periods = [bool(p) for p in periods or [False] * len(dims)]
        return comm

    @property
    def coords(self):
        """This rank's coordinates."""
        return self.Get_coords(self.rank)

    def Get_coords(self, rank):
        """Return the coordinates of `rank`."""
        return [int(c) for c in np.unravel_index(rank, self._grid())]

    def Get_cart_rank(self, coords):
        """Return the rank at `coords`, which may lie outside where the grid is periodic."""
        inside = []
        for c, d, periodic in zip(coords, self._grid(), self.periods, strict=True):
            if not periodic and not 0 <= c < d:
                raise self._error("ARG", f"no coordinates {list(coords)} in {self.dims}")
            inside.append(c % d)
        return int(np.ravel_multi_index(inside, self._grid()))

    def Shift(self, direction, disp):
        """Return (source, dest) of a shift by `disp` along `direction`; PROC_NULL off the grid."""
        return self._neighbour(direction, -disp), self._neighbour(direction, disp)

    def Sub(self, remain_dims):
        """Return the part of the grid that keeps the dimensions marked in `remain_dims`."""
        grid, here = self._grid(), self.coords
        kept = [i for i, keep in enumerate(remain_dims) if keep]
        rest = [i for i in range(len(grid)) if i not in kept]
        color = _number(here, grid, rest)
        comm = self._split("Sub", color, _number(here, grid, kept))
        comm.dims, comm.periods = [grid[i] for i in kept], [self.periods[i] for i in kept]
        return comm

    def _neighbour(self, direction, disp):
        coords = self.coords
        coords[direction] += disp
        if self.periods[direction] or 0 <= coords[direction] < self._grid()[direction]:
            return self.Get_cart_rank(coords)
        return PROC_NULL

    def _grid(self):
        if self.dims is None:
            raise self._error("TOPOLOGY", "this communicator is no grid: see Create_cart")
        return self.dims


def _number(coords, dims, axes):
    """Return the place of `coords` among all that differ along `axes`."""
    number = 0
    for i in axes:
        number = number * dims[i] + coords[i]
    return number
