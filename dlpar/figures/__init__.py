"""The recurring figures of the book; one hue a rank, one mark a ruler, words from the data."""

from dlpar.figures.chunk_grid import chunk_grid
from dlpar.figures.convergence import convergence
from dlpar.figures.cost_plot import cost_plot
from dlpar.figures.figure import Figure
from dlpar.figures.frames import Frame, Move, frames_of
from dlpar.figures.paths import paths
from dlpar.figures.space_time import space_time
from dlpar.figures.wait_for import wait_for

__all__ = [
    "Figure",
    "Frame",
    "Move",
    "chunk_grid",
    "convergence",
    "cost_plot",
    "frames_of",
    "paths",
    "space_time",
    "wait_for",
]
