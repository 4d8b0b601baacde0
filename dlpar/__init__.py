"""Distributed and parallel deep learning, executed: one program, two clusters, three rulers."""

from dlpar.world import run, simulate

__all__ = ["run", "simulate"]
