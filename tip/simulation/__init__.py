"""Federations inside one process: the vectorized engine and whole runs of a plan."""

from tip.simulation.question import QuestionRun
from tip.simulation.run import Run, simulate

__all__ = ["QuestionRun", "Run", "simulate"]
