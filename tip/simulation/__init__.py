"""Federations inside one process: the vectorized engine and whole runs of a plan."""

from tip.simulation.run import Run, simulate

__all__ = ["Run", "simulate"]
