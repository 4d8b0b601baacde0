"""The recurring figures of the book; one hue a rank, one mark a ruler, words from the data."""

from dlpar.figures.bandwidth_ladder import Rung, bandwidth_ladder
from dlpar.figures.chunk_grid import chunk_grid
from dlpar.figures.convergence import convergence
from dlpar.figures.cost_plot import cost_plot
from dlpar.figures.crossover_map import crossover_map
from dlpar.figures.divergence_strip import divergence_strip
from dlpar.figures.fault_table import fault_table
from dlpar.figures.figure import Figure
from dlpar.figures.frames import Frame, Move, frames_of
from dlpar.figures.gantt import gantt
from dlpar.figures.goodput_curve import goodput_curve
from dlpar.figures.magnitudes import magnitudes
from dlpar.figures.number_line import number_line
from dlpar.figures.occupancy import occupancy
from dlpar.figures.one_bit_bars import one_bit_bars
from dlpar.figures.paths import paths
from dlpar.figures.roofline import Roof, roofline
from dlpar.figures.send_less import link_speeds, loss_against_bytes
from dlpar.figures.slow_downs import slow_downs
from dlpar.figures.space_time import space_time
from dlpar.figures.staleness import clock_drift, staleness
from dlpar.figures.sum_spread import sum_spread
from dlpar.figures.thread_memory import thread_memory
from dlpar.figures.time_spent import time_spent
from dlpar.figures.topology_map import topology_map
from dlpar.figures.wait_for import wait_for

__all__ = [
    "Figure",
    "Frame",
    "Move",
    "Roof",
    "Rung",
    "bandwidth_ladder",
    "chunk_grid",
    "clock_drift",
    "convergence",
    "cost_plot",
    "crossover_map",
    "divergence_strip",
    "fault_table",
    "frames_of",
    "gantt",
    "goodput_curve",
    "link_speeds",
    "loss_against_bytes",
    "magnitudes",
    "number_line",
    "occupancy",
    "one_bit_bars",
    "paths",
    "roofline",
    "slow_downs",
    "space_time",
    "staleness",
    "sum_spread",
    "thread_memory",
    "time_spent",
    "topology_map",
    "wait_for",
]
