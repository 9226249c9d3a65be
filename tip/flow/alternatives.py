"""Alternatives: several flows for the same question, planned and ordered by what they cost.

A mean can be had from a trusted curator, from noise that cancels between neighbors, or from everybody's own noise. Each
flow states whom it trusts by its requirements, and what counts by its aims; weights have to mean the same in all of
them (one unit of error variance of the answer, one byte). `compare` plans each, and keeps those that cannot
be planned, with the reason: an alternative that cannot meet its requirements is an answer, not an accident.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tip.errors import ConfigurationError
from tip.flow.planning import plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tip.flow.model import Flow
    from tip.flow.planning import Planned


@dataclass(frozen=True, slots=True)
class Refused:
    """A flow that cannot be planned, and why."""

    flow: Flow
    reason: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Plans from the least cost up, and the flows that have none."""

    plans: tuple[Planned, ...]
    refused: tuple[Refused, ...]

    @property
    def least(self) -> Planned | None:
        """The plan of least cost; None where no flow can be planned."""
        return self.plans[0] if self.plans else None

    @property
    def sentences(self) -> tuple[str, ...]:
        """For a reader: what each flow costs, the least first, then what cannot be had."""
        found = [
            f"{one.flow.name!r} costs {one.cost:.3g}{_times(one.cost / self.plans[0].cost) if place else ', the least'}"
            f" (error {one.error:.3g}, {one.bytes:,} bytes)"
            for place, one in enumerate(self.plans)
        ]
        return (*found, *(f"{one.flow.name!r} cannot be had: {one.reason}" for one in self.refused))


def compare(flows: Sequence[Flow]) -> Comparison:
    """Plan every flow; those of equal cost stay in their order."""
    if not flows:
        raise ConfigurationError("nothing is compared with nothing", instead="give at least one flow")
    plans: list[Planned] = []
    refused: list[Refused] = []
    for flow in flows:
        try:
            plans.append(plan(flow))
        except ConfigurationError as error:
            refused.append(Refused(flow, str(error)))
    return Comparison(tuple(sorted(plans, key=lambda one: one.cost)), tuple(refused))


def cheapest(flows: Sequence[Flow]) -> tuple[Planned, ...]:
    """The plans of those flows that can be planned, from the least cost up; where there is none, why."""
    found = compare(flows)
    if not found.plans:
        raise ConfigurationError(
            "none of these flows can meet its requirements",
            why="; ".join(f"{one.flow.name!r}: {one.reason}" for one in found.refused),
        )
    return found.plans


def _times(factor: float) -> str:
    return f", {factor:.3g} times as much as the least"
